// The file's bytes, version 1.  Numbers are little-endian, sums are XXH3-64.
//
// The head:                               A frame:
//   4  magic "HRjl"                         4  magic "HRjf"
//   4  version                              4  length of the body
//   8  the next number                      8  sum of the eight bytes before
//   8  sum of all that stands before        -  body
//                                           8  sum of all that stands before
// The body of a frame:
//   1  kind: 1 an order, 2 strikes, 3 something lost
//   orders and lost: 8 number; orders: 4 count, then the keys, 32 bytes each; 4 count, then the
//     watermarks, 16 bytes each; 4 count, then the floors: 32 key, 8 nanoseconds, 4 length,
//     revision
//   strikes: 4 count, then the numbers, 8 bytes each
//
// The length has a sum of its own, so that a frame which is longer than the file was cut short, and
// not changed.  The last sum is the mark that a frame was written to its end: it is not zero but by
// a chance of one in 2^64, whereas what a crash left unwritten is missing, or zero.  A frame of
// another version must begin with another magic: of such a file what is known here is taken over.
#include "journals/file/frames.h"

#include <algorithm>
#include <utility>

#include "core/hash.h"
#include "wire/bytes.h"

namespace headrace::journals {

namespace {

constexpr std::string_view head_magic = "HRjl";
constexpr std::string_view frame_magic = "HRjf";
constexpr std::uint32_t version = 1;
constexpr std::size_t sum_bytes = 8;
constexpr std::size_t front_bytes = 4 + 4 + sum_bytes;
constexpr std::size_t key_bytes = sizeof(StoreKey);
constexpr std::size_t watermark_bytes = 16;
constexpr std::size_t floor_bytes = key_bytes + 8 + 4;  // At least.
constexpr std::uint64_t number_max = 1ull << 62;        // None is ever given that is greater.

enum class Kind : std::uint8_t { order = 1, strikes = 2, lost = 3 };

std::uint64_t sum_at(std::string_view bytes, std::size_t at) {
  return BytesIn(bytes.substr(at, sum_bytes)).number<std::uint64_t>();
}

// How many bytes the frame at the front says that it has; none if there is no sound front.
std::optional<std::size_t> told_size(std::string_view bytes) {
  if (bytes.size() < front_bytes || !bytes.starts_with(frame_magic)) return std::nullopt;
  if (sum_at(bytes, 8) != hash64(bytes.substr(0, 8))) return std::nullopt;
  return front_bytes + BytesIn(bytes.substr(4)).number<std::uint32_t>() + sum_bytes;
}

std::string framed(std::string_view body) {
  BytesOut out(front_bytes + body.size() + sum_bytes);
  out.raw(frame_magic);
  out.number(static_cast<std::uint32_t>(body.size()));
  out.number(hash64(out.so_far()));
  out.raw(body);
  out.number(hash64(out.so_far()));
  return std::move(out).take();
}

void write_key(BytesOut& out, const StoreKey& key) {
  for (const std::uint64_t word : key.words) out.number(word);
}

StoreKey read_key(BytesIn& in) {
  StoreKey key;
  for (std::uint64_t& word : key.words) word = in.number<std::uint64_t>();
  return key;
}

// A count that the bytes left can bear; else none, and the reader fails.
std::uint32_t read_count(BytesIn& in, std::size_t bytes_each) {
  const auto count = in.number<std::uint32_t>();
  if (count <= in.left() / bytes_each) return count;
  (void)in.raw(in.left() + 1);
  return 0;
}

void write_order(BytesOut& out, const Journal::Record& record) {
  out.number(static_cast<std::uint32_t>(record.keys.size()));
  for (const StoreKey& key : record.keys) write_key(out, key);
  out.number(static_cast<std::uint32_t>(record.watermarks.size()));
  for (const WatermarkId& id : record.watermarks) out.pair(id.high, id.low);
  out.number(static_cast<std::uint32_t>(record.floors.size()));
  for (const Store::Floor& floor : record.floors) {
    write_key(out, floor.key);
    out.number(static_cast<std::uint64_t>(floor.lasts.count()));
    out.text<std::uint32_t>(floor.revision);
  }
}

void read_order(BytesIn& in, Journal::Record& record) {
  record.keys.resize(read_count(in, key_bytes));
  for (StoreKey& key : record.keys) key = read_key(in);
  record.watermarks.resize(read_count(in, watermark_bytes));
  for (WatermarkId& id : record.watermarks) id = in.pair<WatermarkId>();
  record.floors.resize(read_count(in, floor_bytes));
  for (Store::Floor& floor : record.floors) {
    floor.key = read_key(in);
    floor.lasts = Duration(static_cast<std::int64_t>(in.number<std::uint64_t>()));
    floor.revision = in.text<std::uint32_t>();
  }
}

// The body of a frame whose sums have been found right.
std::optional<Frame> read_body(std::string_view body) {
  BytesIn in(body);
  Frame frame;
  switch (Kind{in.number<std::uint8_t>()}) {
    case Kind::order:
      frame.record.number = in.number<std::uint64_t>();
      read_order(in, frame.record);
      break;
    case Kind::strikes:
      frame.strikes = true;
      frame.struck.resize(read_count(in, 8));
      for (std::uint64_t& number : frame.struck) number = in.number<std::uint64_t>();
      break;
    case Kind::lost:
      frame.record.number = in.number<std::uint64_t>();
      frame.record.lost = true;
      break;
    default: return std::nullopt;
  }
  const bool is_given = frame.record.number <= number_max &&
                        std::ranges::all_of(frame.struck, [](auto n) { return n <= number_max; });
  if (!in.spent() || !is_given) return std::nullopt;
  return frame;
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

std::string head_of(std::uint64_t next) {
  BytesOut out(head_bytes);
  out.raw(head_magic);
  out.number(version);
  out.number(next);
  out.number(hash64(out.so_far()));
  return std::move(out).take();
}

// The version is looked at before the sum, for another version may end otherwise.
Result<std::uint64_t> read_head(std::string_view bytes) {
  if (!bytes.starts_with(head_magic)) return failure(Code::damaged, "it is no journal");
  BytesIn in(bytes.substr(head_magic.size()));
  const auto found = in.number<std::uint32_t>();
  const auto next = in.number<std::uint64_t>();
  const auto sum = in.number<std::uint64_t>();
  if (bytes.size() < head_bytes) return failure(Code::damaged, "its head is cut short");
  if (found != version) {
    return failure(Code::damaged, "it is of version " + std::to_string(found) +
                                      "; this program knows version " + std::to_string(version));
  }
  if (sum != hash64(bytes.substr(0, head_bytes - sum_bytes)) || next - 1 > number_max) {
    return failure(Code::damaged, "the checksum of its head does not match");
  }
  return next;
}

std::string frame_of(const Journal::Record& record) {
  BytesOut out(64 + (key_bytes * record.keys.size()) +
               (watermark_bytes * record.watermarks.size()));
  out.number(std::to_underlying(record.lost ? Kind::lost : Kind::order));
  out.number(record.number);
  if (!record.lost) write_order(out, record);
  return framed(out.so_far());
}

std::string frame_of_strikes(std::span<const std::uint64_t> numbers) {
  BytesOut out(8 + (8 * numbers.size()));
  out.number(std::to_underlying(Kind::strikes));
  out.number(static_cast<std::uint32_t>(numbers.size()));
  for (const std::uint64_t number : numbers) out.number(number);
  return framed(out.so_far());
}

std::optional<Frame> read_frame(std::string_view bytes) {
  const auto size = told_size(bytes);
  if (!size || *size > bytes.size()) return std::nullopt;
  const std::size_t end = *size - sum_bytes;
  if (sum_at(bytes, end) != hash64(bytes.substr(0, end))) return std::nullopt;
  auto frame = read_body(bytes.substr(front_bytes, end - front_bytes));
  if (frame) frame->bytes = *size;
  return frame;
}

std::size_t find_frame(std::string_view bytes, std::size_t from) {
  for (std::size_t at = from; at < bytes.size(); ++at) {
    at = bytes.find(frame_magic, at);
    if (at == std::string_view::npos) return at;
    if (read_frame(bytes.substr(at))) return at;
  }
  return std::string_view::npos;
}

// A disk may have kept any of the pages of what it was not told to make safe, so that a frame's
// middle may be missing too; that is taken for damage, and costs more than it must.
bool is_unfinished(std::string_view bytes) {
  if (bytes.size() < front_bytes || is_zero(bytes)) return true;
  const auto size = told_size(bytes);
  if (!size) return is_zero(bytes.substr(front_bytes - 1));
  return *size > bytes.size() || is_zero(bytes.substr(*size - sum_bytes));
}

}  // namespace headrace::journals
