// bus/postgres/frames.h: messages as the payloads of notifications, and back.
//
// A payload is text of less than 8000 bytes.  Small messages share one; a large one is sent in
// pieces, one after the other in one transaction, so that nothing comes between them.  Equal
// payloads of one transaction are delivered once: pieces bear their message's checksum, so that
// only those of equal messages are equal.
//
// Threads:   a reader belongs to one thread at a time.
// Errors:    of what cannot be read, the reader says that something may be missing.
// Lifetimes: values.
//
// Source: the PostgreSQL manual, NOTIFY; protocol.md 2.2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "headrace/bus_message.h"

namespace headrace::postgres {

inline constexpr std::size_t payload_bytes_max = 7999;
inline constexpr std::size_t portion_bytes_max = 1 << 20;  // But for one message alone.

// What goes into one transaction.
struct Portion {
  std::vector<std::string> payloads{};
  std::size_t bytes = 0;
};
// In the order of the messages.
[[nodiscard]] std::vector<Portion> portions_of(const std::vector<BusMessage>& messages);

// A payload that is no message.  Nobody else's begins like it.
[[nodiscard]] std::string barrier_payload(std::uint64_t number);

class FrameReader {
 public:
  struct Read {
    std::vector<BusMessage> messages{};  // Those that are whole with this payload.
    bool missed = false;                 // What could not be read may have been a message.
  };
  [[nodiscard]] Read read(std::string_view payload);

  // Forgets the pieces of a message that is not whole.
  void restart() { *this = FrameReader(); }

 private:
  [[nodiscard]] bool read_several(std::string_view bytes, Read& into);
  [[nodiscard]] bool read_piece(std::string_view bytes, Read& into);

  std::string pieces_;
  std::uint64_t id_ = 0;          // Of the message that is not whole yet.
  std::uint32_t pieces_had_ = 0;  // Zero: there is none.
  std::uint32_t pieces_all_ = 0;
};

}  // namespace headrace::postgres
