#include "journals/file/scan.h"

#include <algorithm>

#include "journals/file/frames.h"

namespace headrace::journals {

namespace {

void take(Scan& scan, const Frame& frame, std::string_view bytes) {
  if (frame.strikes) {
    for (const std::uint64_t number : frame.struck) {
      scan.standing.erase(number);
      scan.next = std::max(scan.next, number + 1);
    }
    return;
  }
  scan.standing[frame.record.number] = bytes.substr(0, frame.bytes);
  scan.next = std::max(scan.next, frame.record.number + 1);
}

void mark_damaged(Scan& scan, std::string what) {
  if (scan.found != Scan::Found::damaged) scan.what = std::move(what);
  scan.found = Scan::Found::damaged;
}

// Takes whole frames from `at` on; returns where there is none.
std::size_t take_frames(Scan& scan, std::string_view bytes, std::size_t at) {
  while (const auto frame = read_frame(bytes.substr(at))) {
    take(scan, *frame, bytes.substr(at));
    at += frame->bytes;
  }
  return at;
}

}  // namespace

Scan scan(std::string_view bytes) {
  Scan scan;
  std::size_t at = head_bytes;
  if (const auto next = read_head(bytes)) {
    scan.next = std::max(scan.next, *next);
  } else {
    mark_damaged(scan, next.error().what);
    at = 0;  // The head's bytes may be missing, and not only wrong.
  }
  while (true) {
    at = take_frames(scan, bytes, at);
    if (at >= bytes.size()) break;
    const std::size_t further = find_frame(bytes, at + 1);
    const bool is_last = further == std::string_view::npos;
    if (is_last && scan.found == Scan::Found::sound && is_unfinished(bytes.substr(at))) {
      scan.found = Scan::Found::unfinished;
      scan.what = "its last " + std::to_string(bytes.size() - at) + " bytes were not written whole";
      break;
    }
    mark_damaged(scan, "a record at byte " + std::to_string(at) + " cannot be read");
    if (is_last) break;
    at = further;
  }
  scan.sound_bytes = at;
  if (scan.found == Scan::Found::damaged) {
    scan.standing[lost_number] = frame_of({.number = lost_number, .lost = true});
  }
  return scan;
}

}  // namespace headrace::journals
