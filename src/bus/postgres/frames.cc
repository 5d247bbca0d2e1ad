// A payload is one letter, and bytes in base64url behind it.  Numbers are little-endian.
//
//   m   messages, each behind its length of 4 bytes
//   p   4 number of this piece, from 0   4 how many   8 checksum of the message   a piece of it
//   t   nothing: a message was too large to be sent
//   b   the number of a barrier, in decimal and not in base64url
#include "bus/postgres/frames.h"

#include <algorithm>
#include <utility>

#include "core/hash.h"
#include "headrace/bus/postgres.h"
#include "wire/bus_message.h"
#include "wire/bytes.h"
#include "wire/uri.h"

namespace headrace::postgres {

namespace {

constexpr std::size_t raw_bytes_max = payload_bytes_max / 4 * 3;  // Behind the letter.
constexpr std::size_t piece_head_bytes = 16;
constexpr std::size_t piece_bytes_max = raw_bytes_max - piece_head_bytes;
constexpr std::size_t length_bytes = 4;
constexpr std::size_t pieces_max = postgres_message_bytes_max / piece_bytes_max + 1;
static_assert(1 + (raw_bytes_max + 2) / 3 * 4 <= payload_bytes_max);

// Writes payloads, and begins a portion with the message that finds the last one full.
class Packer {
 public:
  void add(const BusMessage& message) {
    const std::string bytes = encode_message(message);
    if (bytes.size() > postgres_message_bytes_max) {
      flush();
      put("t");
    } else if (length_bytes + bytes.size() > raw_bytes_max) {
      flush();
      put_pieces(bytes);
    } else {
      if (several_.size() + length_bytes + bytes.size() > raw_bytes_max) flush();
      BytesOut out(length_bytes + bytes.size());
      out.text<std::uint32_t>(bytes);
      several_ += out.so_far();
    }
    if (!portions_.empty() && portions_.back().bytes >= portion_bytes_max) {
      flush();
      portions_.emplace_back();
    }
  }
  std::vector<Portion> take() && {
    flush();
    std::erase_if(portions_, [](const Portion& portion) { return portion.payloads.empty(); });
    return std::move(portions_);
  }

 private:
  void put(std::string payload) {
    if (portions_.empty()) portions_.emplace_back();
    portions_.back().bytes += payload.size();
    portions_.back().payloads.push_back(std::move(payload));
  }
  void flush() {
    if (several_.empty()) return;
    put("m" + wire::base64url_encode(several_));
    several_.clear();
  }
  void put_pieces(std::string_view bytes) {
    const auto count = static_cast<std::uint32_t>((bytes.size() - 1) / piece_bytes_max + 1);
    const std::uint64_t id = hash64(bytes);
    for (std::uint32_t i = 0; i < count; ++i) {
      BytesOut out(raw_bytes_max);
      out.number(i);
      out.number(count);
      out.number(id);
      out.raw(bytes.substr(i * piece_bytes_max, piece_bytes_max));
      put("p" + wire::base64url_encode(out.so_far()));
    }
  }

  std::vector<Portion> portions_;
  std::string several_;
};

bool decode_into(std::string_view bytes, FrameReader::Read& into) {
  Result<BusMessage> message = decode_message(bytes);
  if (!message) return false;
  into.messages.push_back(*std::move(message));
  return true;
}

}  // namespace

std::vector<Portion> portions_of(const std::vector<BusMessage>& messages) {
  Packer packer;
  for (const BusMessage& message : messages) packer.add(message);
  return std::move(packer).take();
}

std::string barrier_payload(std::uint64_t number) {
  return "b" + std::to_string(number);
}

FrameReader::Read FrameReader::read(std::string_view payload) {
  Read outcome;
  const char kind = payload.empty() ? '\0' : payload.front();
  // What is not whole stays so if anything else comes.
  if (kind != 'p' && pieces_had_ > 0) {
    outcome.missed = true;
    restart();
  }
  if (kind == 'm' || kind == 'p') {
    const Result<std::string> bytes = wire::base64url_decode(payload.substr(1));
    const bool good =
        bytes && (kind == 'm' ? read_several(*bytes, outcome) : read_piece(*bytes, outcome));
    if (good) return outcome;
  }
  outcome.missed = true;
  restart();
  return outcome;
}

bool FrameReader::read_several(std::string_view bytes, Read& into) {
  BytesIn in(bytes);
  while (in.left() > 0) {
    const auto size = in.number<std::uint32_t>();
    if (!decode_into(in.raw(size), into)) return false;
  }
  return in.spent();
}

bool FrameReader::read_piece(std::string_view bytes, Read& into) {
  BytesIn in(bytes);
  const auto number = in.number<std::uint32_t>();
  const auto count = in.number<std::uint32_t>();
  const auto id = in.number<std::uint64_t>();
  if (number == 0) {
    into.missed = pieces_had_ > 0;
    restart();
    pieces_all_ = count;
    id_ = id;
  }
  const bool follows = number == pieces_had_ && count == pieces_all_ && id == id_;
  if (!follows || number >= count || count > pieces_max || in.left() == 0) return false;
  pieces_ += in.raw(in.left());
  if (++pieces_had_ < pieces_all_) return true;
  const std::string whole = std::exchange(pieces_, {});
  restart();
  return decode_into(whole, into);
}

}  // namespace headrace::postgres
