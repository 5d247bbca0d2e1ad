// One thread runs the sockets.  What is true and who has asked is guarded by a lock, because
// commits come from the writers' threads; moments are taken under it, so that their order is the
// order in which things happened.
#include "chaos/origin.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "chaos/http_client.h"

namespace headrace::chaos {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::size_t request_bytes_max = 16 << 10;

// The part of a path with that number, from 0: "/strict/17".
std::string_view part_of(std::string_view path, int number) {
  for (; number >= 0; --number) {
    const std::size_t slash = path.find('/');
    if (slash == std::string_view::npos) return {};
    path.remove_prefix(slash + 1);
  }
  return path.substr(0, path.find_first_of("/ "));
}

}  // namespace

class Origin::Server {
 public:
  Server(std::size_t entities, std::chrono::milliseconds takes)
      : takes_(takes),
        versions_(entities, 1),
        acceptor_(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    accept();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Server() {
    asio::post(context_, [this] {
      error_code ignored;
      acceptor_.close(ignored);
      working_.reset();
      context_.stop();
    });
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] int port() const { return acceptor_.local_endpoint().port(); }

  Version commit(std::uint32_t entity) {
    const std::scoped_lock lock(mutex_);
    const Version made = ++versions_.at(entity);
    note({.what = What::commit, .entity = entity, .version = made});
    return made;
  }
  [[nodiscard]] Version latest(std::uint32_t entity) const {
    const std::scoped_lock lock(mutex_);
    return versions_.at(entity);
  }
  void hold() {
    const std::scoped_lock lock(mutex_);
    holds_ = true;
  }
  void release() {
    asio::post(context_, [this] {
      {
        const std::scoped_lock lock(mutex_);
        holds_ = false;
      }
      for (Asked& asked : std::exchange(held_, {})) tell(std::move(asked));
    });
  }
  [[nodiscard]] std::uint64_t reads() const {
    const std::scoped_lock lock(mutex_);
    return reads_;
  }
  [[nodiscard]] std::optional<std::size_t> last_reader() const {
    const std::scoped_lock lock(mutex_);
    return last_reader_;
  }
  [[nodiscard]] Notes take_notes() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(notes_, {});
  }

 private:
  struct Connection {
    explicit Connection(tcp::socket made) : socket(std::move(made)), timer(socket.get_executor()) {}
    tcp::socket socket;
    asio::steady_timer timer;
    std::string read{};
    std::string written{};
  };
  using Shared = std::shared_ptr<Connection>;
  struct Asked {
    Shared by{};
    Event what{};
  };

  // REQUIRES: mutex_ is held.
  void note(Event event) {
    event.at = clock_now();
    notes_.push_back(event);
  }

  void accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (error) return;
      error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      read(std::make_shared<Connection>(std::move(socket)));
      accept();
    });
  }

  void read(const Shared& by) {
    asio::async_read_until(by->socket, asio::dynamic_buffer(by->read, request_bytes_max),
                           "\r\n\r\n", [this, by](error_code error, std::size_t size) {
                             if (error) return;
                             const std::string request = by->read.substr(0, size);
                             by->read.erase(0, size);
                             asked(by, request);
                           });
  }

  void asked(const Shared& by, std::string_view request) {
    const std::string_view line = request.substr(0, request.find("\r\n"));
    const std::string_view policy = part_of(line, 0);
    constexpr std::string_view instance = "\r\nInstance: ";
    const std::size_t named = request.find(instance);
    const auto from = named == std::string_view::npos ? named : named + instance.size();
    Event event{.what = What::source_read,
                .kept = policy == "strict"  ? Kept::strict
                        : policy == "brief" ? Kept::brief
                                            : Kept::bounded,
                .host = static_cast<HostId>(
                    number_of(from == std::string_view::npos ? "" : request.substr(from))),
                .entity = static_cast<std::uint32_t>(number_of(part_of(line, 1)))};
    {
      const std::scoped_lock lock(mutex_);
      event.read = reads_++;
      last_reader_ = static_cast<std::size_t>(event.host);
      note(event);
    }
    by->timer.expires_after(takes_);
    by->timer.async_wait([this, asked = Asked{by, event}](error_code) mutable {
      const bool waits = [this] {
        const std::scoped_lock lock(mutex_);
        return holds_;
      }();
      waits ? held_.push_back(std::move(asked)) : tell(std::move(asked));
    });
  }

  void tell(Asked asked) {
    std::string body;
    {
      const std::scoped_lock lock(mutex_);
      const Version version = versions_.at(asked.what.entity);
      body = "{\"version\":" + std::to_string(version) +
             ",\"read\":" + std::to_string(asked.what.read) + "}";
      asked.what.what = What::source_told;
      note(asked.what);
    }
    const Shared by = asked.by;
    by->written = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
                  std::to_string(body.size()) + "\r\n\r\n" + body;
    asio::async_write(by->socket, asio::buffer(by->written),
                      [this, by](error_code error, std::size_t) {
                        if (!error) read(by);
                      });
  }

  const std::chrono::milliseconds takes_;
  mutable std::mutex mutex_;
  std::vector<Version> versions_;
  std::uint64_t reads_ = 0;
  std::optional<std::size_t> last_reader_;
  bool holds_ = false;
  Notes notes_;
  asio::io_context context_;
  std::vector<Asked> held_;
  asio::executor_work_guard<asio::io_context::executor_type> working_{context_.get_executor()};
  tcp::acceptor acceptor_;
  std::thread thread_;
};

Origin::Origin(std::size_t entities, std::chrono::milliseconds takes)
    : server_(std::make_unique<Server>(entities, takes)) {}

Origin::~Origin() = default;

int Origin::port() const noexcept {
  return server_->port();
}
Version Origin::commit(std::uint32_t entity) {
  return server_->commit(entity);
}
Version Origin::latest(std::uint32_t entity) const {
  return server_->latest(entity);
}
void Origin::hold() {
  server_->hold();
}
void Origin::release() {
  server_->release();
}
std::uint64_t Origin::reads() const {
  return server_->reads();
}
std::optional<std::size_t> Origin::last_reader() const {
  return server_->last_reader();
}
Notes Origin::take_notes() {
  return server_->take_notes();
}

}  // namespace headrace::chaos
