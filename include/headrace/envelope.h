// headrace/envelope.h: an entry as stores keep it: the value and everything that it depends on.
//
// Threads:   values.
// Errors:    none; decoding is src/wire's.
// Lifetimes: owns all its parts.
#pragma once

#include <string>
#include <vector>

#include "headrace/kind.h"
#include "headrace/time.h"
#include "headrace/token.h"

namespace headrace {

struct Envelope {
  Token id{};     // Of this envelope; random, never reused.
  Token lease{};  // Under which it was filled; none for a refresh.
  Kind kind = Kind::value;
  std::string key{};                    // Key::bytes(), to notice a collision of StoreKeys.
  WallTime read_wall{};                 // When the source was read, for people.
  Duration age_at_publish{0};           // From the start of the source read to the publish.
  std::string revision{};               // The source's own (ETag, update time); may be empty.
  std::vector<Watermark> watermarks{};  // As they were before the fetch.
  std::string payload{};                // The encoded value; empty for null and absent.
};

}  // namespace headrace
