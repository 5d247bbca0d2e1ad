// Replies of memcached, and what our records hold, from any bytes: where a reply ends does not
// depend on how its bytes come, no part of it reaches beyond it, and a record that is understood is
// written in one way only.
#include "stores/memcached/records.h"
#include "wire/memcached.h"

#include "input.h"

namespace headrace::fuzz {

namespace {

constexpr std::size_t reply_bytes_max = 4096;

void demand_inside(std::string_view part, std::string_view whole) {
  if (part.empty()) return;
  demand(part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size(),
         "a part of a reply lies in it");
}

void check_replies(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto at_once = wire::MemcachedReader(reply_bytes_max).size_of_first(bytes);
    wire::MemcachedReader reader(reply_bytes_max);
    Result<std::size_t> in_pieces = 0;
    std::size_t offered = 0;
    while (in_pieces && *in_pieces == 0 && offered < bytes.size()) {
      in_pieces = reader.size_of_first(bytes.substr(0, ++offered));
    }
    if (at_once && *at_once > 0) {
      demand(in_pieces && *in_pieces == *at_once, "in pieces a reply ends where it does at once");
      demand(offered == *at_once, "a reply is whole when its last byte has come");
    } else {
      demand(!in_pieces || *in_pieces == 0, "in pieces there is no reply where there is none");
      return;
    }
    demand(*at_once <= std::min(bytes.size(), reply_bytes_max),
           "a reply has no more than is there");
    const std::string_view whole = bytes.substr(0, *at_once);
    const auto reply = wire::take_reply(bytes);
    demand(reply.has_value(), "a whole reply can be taken");
    for (const auto part : {reply->value, reply->flags, reply->lines, reply->stat("time")}) {
      demand_inside(part, whole);
    }
    (void)reply->left();
    (void)reply->cas();
  }
}

void check_records(std::string_view bytes) {
  using namespace memcached;
  if (const auto slot = SlotRecord::parse(bytes)) {
    demand(slot->bytes() == bytes, "a slot has one form");
  }
  if (const auto beside = BesideRecord::parse(bytes)) {
    const std::string again = beside->bytes();
    const auto twice = BesideRecord::parse(again);
    demand(twice.has_value() && twice->bytes() == again, "what stands beside a slot stays");
  }
  if (const auto life = LifeRecord::parse(bytes)) {
    demand(life->bytes() == bytes, "a life has one form");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = text_of(bytes, size);
  check_replies(text);
  check_records(text);
  return 0;
}

}  // namespace headrace::fuzz
