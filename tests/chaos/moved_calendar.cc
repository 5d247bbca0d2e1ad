// A library that is loaded before all others of a program, and moves the calendar that it reads by
// as many seconds as stand in the file that MOVED_CALENDAR names.  See chaos/calendar.h.
//
// It allocates nothing and calls nothing that does: it may be asked before main() and by
// allocators.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace {

const volatile std::int64_t* ahead = nullptr;

// Before main(), but perhaps not before others who ask for the time: those are told the true one.
[[gnu::constructor]] void find_file() {
  const char* const file = std::getenv("MOVED_CALENDAR");
  if (file == nullptr) return;
  const int descriptor = ::open(file, O_RDONLY | O_CLOEXEC);
  void* const mapped = ::mmap(nullptr, sizeof *ahead, PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  if (mapped != MAP_FAILED) ahead = static_cast<const volatile std::int64_t*>(mapped);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec* at) noexcept {
  const long done = ::syscall(SYS_clock_gettime, which, at);
  const bool is_calendar = which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE;
  if (done == 0 && is_calendar && ahead != nullptr) at->tv_sec += *ahead;
  return static_cast<int>(done);
}

int gettimeofday(timeval* at, void*) noexcept {
  timespec now{};
  const int done = clock_gettime(CLOCK_REALTIME, &now);
  *at = {.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  return done;
}

time_t time(time_t* at) noexcept {
  timespec now{};
  (void)clock_gettime(CLOCK_REALTIME, &now);
  if (at != nullptr) *at = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
