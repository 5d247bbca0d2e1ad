#include "stores/firestore/records.h"

#include <charconv>
#include <utility>

#include "wire/bytes.h"
#include "wire/envelope.h"

namespace headrace::firestore {

namespace {

constexpr std::size_t token_bytes = 16;
constexpr std::size_t mark_bytes = 2 * token_bytes;
constexpr std::size_t word_digits = 16;
constexpr std::size_t mark_digits = 2 * word_digits;
constexpr std::size_t key_digits = 4 * word_digits;
// The names of the fields and the values beside body and marks: generously counted.
constexpr std::size_t rest_bytes = 512;

void append_hex(std::string& text, std::uint64_t word) {
  constexpr char digits[] = "0123456789abcdef";
  for (int shift = 60; shift >= 0; shift -= 4) text += digits[word >> shift & 15];
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string bytes_of(Token token) {
  BytesOut out(token_bytes);
  out.pair(token.high, token.low);
  return std::move(out).take();
}

Token token_of(std::string_view bytes) {
  if (bytes.size() != token_bytes) return {};
  return BytesIn(bytes).pair<Token>();
}

const api::Value* value_of(const api::Document& document, const char* name) {
  const auto found = document.fields().find(name);
  return found == document.fields().end() ? nullptr : &found->second;
}

std::string_view bytes_in(const api::Document& document, const char* name) {
  const api::Value* const value = value_of(document, name);
  if (value == nullptr || !value->has_bytes_value()) return {};
  return value->bytes_value();
}

void set_bytes(api::Document& document, const char* name, std::string bytes) {
  (*document.mutable_fields())[name].set_bytes_value(std::move(bytes));
}

void set_number(api::Document& document, const char* name, std::int64_t number) {
  (*document.mutable_fields())[name].set_integer_value(number);
}

void set_gone_at(api::Document& document, Moment moment) {
  *(*document.mutable_fields())[field::gone_at].mutable_timestamp_value() = timestamp_of(moment);
}

std::string marks_of(const Envelope& envelope) {
  BytesOut out(envelope.watermarks.size() * mark_bytes);
  for (const Watermark& one : envelope.watermarks) {
    out.pair(one.id.high, one.id.low);
    out.pair(one.token.high, one.token.low);
  }
  return std::move(out).take();
}

bool read_marks(std::string_view bytes, Envelope& envelope) {
  if (bytes.size() % mark_bytes != 0) return false;
  BytesIn in(bytes);
  while (in.left() > 0) {
    Watermark one;
    one.id = in.pair<WatermarkId>();
    one.token = in.pair<Token>();
    envelope.watermarks.push_back(one);
  }
  return true;
}

bool read_body(const api::Document& document, Store::Payload payload, SlotRecord& record) {
  if (payload == Store::Payload::without) {
    record.envelope.id = record.token;
    return read_marks(bytes_in(document, field::marks), record.envelope);
  }
  Result<Envelope> envelope = decode(bytes_in(document, field::body));
  if (!envelope || envelope->id != record.token) return false;
  record.envelope = std::move(*envelope);
  return true;
}

}  // namespace

// What names the entity stands in front: keys of one policy, which begin alike, are spread.
std::string Names::slot(const StoreKey& key) const {
  std::string name = prefix_;
  for (const int i : {2, 3, 0, 1}) append_hex(name, key.words[i]);
  return name;
}

std::string Names::beside(const StoreKey& key) const {
  return slot(key) + "-b";
}

std::string Names::watermark(const WatermarkId& id) const {
  std::string name = prefix_;
  append_hex(name, id.high);
  append_hex(name, id.low);
  return name + "-w";
}

std::string_view Names::id_of(std::string_view name) const {
  return name.starts_with(prefix_) ? name.substr(prefix_.size()) : std::string_view();
}

std::string Names::with_id(std::string_view id) const {
  return prefix_ + std::string(id);
}

bool Names::is_id(std::string_view id) {
  const bool is_beside = id.size() == key_digits + 2 && id.ends_with("-b");
  const bool is_mark = id.size() == mark_digits + 2 && id.ends_with("-w");
  if (is_beside || is_mark) id.remove_suffix(2);
  return (is_mark || id.size() == key_digits) && is_hex(id);
}

std::optional<StoreKey> Names::key_of(std::string_view id) {
  if (id.size() != key_digits || !is_hex(id)) return std::nullopt;
  StoreKey key;
  for (const int i : {2, 3, 0, 1}) {
    std::from_chars(id.data(), id.data() + word_digits, key.words[i], 16);
    id.remove_prefix(word_digits);
  }
  return key;
}

SlotRecord read_slot(const api::Document* document, const ServerTime::Bounds& now,
                     Store::Payload payload) {
  SlotRecord record;
  if (document == nullptr) return record;
  record.is_there = true;
  record.version = Version::of(document->update_time());
  record.token = token_of(bytes_in(*document, field::token));
  const api::Value* const lives = value_of(*document, field::lives);
  const api::Value* const since = value_of(*document, field::since);
  const bool is_sound = !record.token.is_none() && lives != nullptr && lives->has_integer_value() &&
                        (since == nullptr || since->has_integer_value());
  if (!is_sound) {
    // Its version is a name for it, by which it can be replaced.
    record.state = Slot::State::damaged;
    record.ends = Moment::max();
    record.token = {.high = static_cast<std::uint64_t>(record.version.seconds),
                    .low = static_cast<std::uint64_t>(record.version.nanos) | 1ull << 63};
    return record;
  }
  record.since = since == nullptr ? moment_of(document->update_time())
                                  : Moment(std::chrono::microseconds(since->integer_value()));
  record.ends = end_of(record.since, std::chrono::microseconds(lives->integer_value()));
  // An envelope must not live too long, and who holds a lease works on.
  if (record.ends <= (since == nullptr ? now.earliest : now.latest)) return record;
  record.state = Slot::State::leased;
  if (since != nullptr) {
    const bool is_whole = read_body(*document, payload, record);
    record.state = is_whole ? Slot::State::held : Slot::State::damaged;
  }
  return record;
}

void write_lease(api::Document& document, Token lease, Duration lease_for, Moment latest) {
  set_bytes(document, field::token, bytes_of(lease));
  const Moment ends = end_of(latest, lease_for);
  set_number(document, field::lives, (ends - latest).count());
  set_gone_at(document, ends);
}

Result<void> write_envelope(api::Document& document, const Envelope& envelope, Moment since,
                            Duration keep_for) {
  std::string body = encode(envelope);
  std::string marks = marks_of(envelope);
  const std::size_t bytes = document.name().size() + body.size() + marks.size() + rest_bytes;
  if (bytes > document_bytes_max) {
    return failure(Code::too_large,
                   "an entry of " + std::to_string(envelope.payload.size()) +
                       " bytes does not fit into a Firestore document, which has at most 1 MiB "
                       "with all that the entry hangs on; lower the policy's value_bytes_max");
  }
  set_bytes(document, field::token, bytes_of(envelope.id));
  set_bytes(document, field::marks, std::move(marks));
  set_bytes(document, field::body, std::move(body));
  set_number(document, field::since, since.time_since_epoch().count());
  const Moment ends = end_of(since, keep_for);
  set_number(document, field::lives, (ends - since).count());
  set_gone_at(document, ends);
  return {};
}

void write_watermark(api::Document& document, Token token, Moment gone_at) {
  set_bytes(document, field::token, bytes_of(token));
  set_gone_at(document, gone_at);
}

Token read_watermark(const api::Document* document) {
  return document == nullptr ? Token{} : token_of(bytes_in(*document, field::token));
}

void write_beside(api::Document& document, std::string stands, Moment gone_at) {
  set_bytes(document, field::stands, std::move(stands));
  set_gone_at(document, gone_at);
}

std::string_view read_beside(const api::Document* document) {
  return document == nullptr ? std::string_view{} : bytes_in(*document, field::stands);
}

}  // namespace headrace::firestore
