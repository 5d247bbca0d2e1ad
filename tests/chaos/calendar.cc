#include "chaos/calendar.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace headrace::chaos {

Calendar::Calendar() {
  const std::string file = folder_.write("ahead", std::string(sizeof *shown_, '\0'));
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  void* const mapped =
      ::mmap(nullptr, sizeof *shown_, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (mapped == MAP_FAILED) std::abort();
  shown_ = static_cast<std::int64_t*>(mapped);
}

Calendar::~Calendar() {
  ::munmap(shown_, sizeof *shown_);
}

std::vector<std::string> Calendar::environment() const {
  return {"LD_PRELOAD=" HEADRACE_MOVED_CALENDAR, "MOVED_CALENDAR=" + folder_.file("ahead")};
}

void Calendar::show() {
  std::atomic_ref(*shown_).store(ahead_);
}

}  // namespace headrace::chaos
