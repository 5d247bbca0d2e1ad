// stores/firestore/records.h: what the documents of a store hold.
//
//   slot       KEY     token; lives: for how long, in microseconds from the document's update time;
//                      an envelope besides: since: when its publish was called, by Firestore's
//                      clock, from which `lives` counts then; marks: ids and tokens of its
//                      watermarks; body: the envelope as wire/envelope.h writes it
//   beside it  KEY-b   stands: guards and floors, see beside.h
//   watermark  ID-w    token
//
// KEY and ID are hexadecimal.  Each has `gone_at`, after which a TTL policy may remove it.  Every
// write of a slot brings a token that was never there, for a write that changes nothing would leave
// the update time as it was.
//
// Threads: values.  Errors: none; what is not as above is damaged.  Lifetimes: values.
#pragma once

#include <google/firestore/v1/document.pb.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "firestore/documents.h"
#include "firestore/server_time.h"
#include "headrace/envelope.h"
#include "headrace/key.h"
#include "headrace/result.h"
#include "headrace/store.h"
#include "headrace/token.h"

namespace headrace::firestore {

namespace field {
inline constexpr char token[] = "token";
inline constexpr char lives[] = "lives";
inline constexpr char since[] = "since";
inline constexpr char marks[] = "marks";
inline constexpr char body[] = "body";
inline constexpr char stands[] = "stands";
inline constexpr char gone_at[] = "gone_at";
}  // namespace field

// The full names of a store's documents.
class Names {
 public:
  // `database`: "projects/P/databases/D".
  Names(const std::string& database, const std::string& collection)
      : prefix_(database + "/documents/" + collection + "/") {}

  [[nodiscard]] std::string slot(const StoreKey& key) const;
  [[nodiscard]] std::string beside(const StoreKey& key) const;
  [[nodiscard]] std::string watermark(const WatermarkId& id) const;

  // The last part of a document's full name; empty if it is not in the collection.
  [[nodiscard]] std::string_view id_of(std::string_view name) const;
  [[nodiscard]] std::string with_id(std::string_view id) const;
  // Whether it is the id of one of the three.
  [[nodiscard]] static bool is_id(std::string_view id);
  // The key of the slot with that id; none if it is the id of something else.
  [[nodiscard]] static std::optional<StoreKey> key_of(std::string_view id);

 private:
  std::string prefix_;
};

struct SlotRecord {
  Slot::State state = Slot::State::empty;
  Token token{};
  Envelope envelope{};
  Moment since{};  // Of an envelope.
  Moment ends{};
  bool is_there = false;  // The document, though what it holds may have ended.
  Version version{};      // If it is there.
};
// What a slot's document says at `now`; null: there is none.  Without its body an envelope has its
// id and its watermarks alone.
[[nodiscard]] SlotRecord read_slot(const api::Document* document, const ServerTime::Bounds& now,
                                   Store::Payload payload);

void write_lease(api::Document& document, Token lease, Duration lease_for, Moment latest);
// May return: too_large.
[[nodiscard]] Result<void> write_envelope(api::Document& document, const Envelope& envelope,
                                          Moment since, Duration keep_for);
void write_watermark(api::Document& document, Token token, Moment gone_at);
[[nodiscard]] Token read_watermark(const api::Document* document);  // None: there is none.

void write_beside(api::Document& document, std::string stands, Moment gone_at);
[[nodiscard]] std::string_view read_beside(const api::Document* document);

}  // namespace headrace::firestore
