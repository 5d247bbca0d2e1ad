#include "io/readiness.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace headrace::io {

Readiness::Readiness() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ >= 0) return;
  std::perror("headrace: the kernel gives no epoll");
  std::abort();
}

Readiness::~Readiness() {
  ::close(epoll_);
}

boost::system::error_code Readiness::add(int socket, Watcher& watcher) noexcept {
  epoll_event wanted{};
  wanted.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  wanted.data.ptr = &watcher;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &wanted) == 0) return {};
  return {errno, boost::system::system_category()};
}

void Readiness::remove(int socket, const Watcher& watcher) noexcept {
  epoll_ctl(epoll_, EPOLL_CTL_DEL, socket, nullptr);
  for (std::size_t i = next_; i < count_; ++i) {
    if (found_[i].data.ptr == &watcher) found_[i].data.ptr = nullptr;
  }
}

void Readiness::look() {
  const int found = epoll_wait(epoll_, found_.data(), static_cast<int>(found_.size()), 0);
  count_ = static_cast<std::size_t>(std::max(found, 0));
  next_ = 0;
  while (next_ < count_) {
    const epoll_event event = found_[next_++];
    if (event.data.ptr == nullptr) continue;
    const auto has = [&event](std::uint32_t any) { return (event.events & any) != 0; };
    constexpr std::uint32_t broken = EPOLLHUP | EPOLLERR;
    static_cast<Watcher*>(event.data.ptr)
        ->on_news({.can_read = has(EPOLLIN | broken),
                   .can_write = has(EPOLLOUT | broken),
                   .has_ended = has(EPOLLRDHUP | broken)});
  }
}

}  // namespace headrace::io
