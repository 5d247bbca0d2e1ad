#include "tenants/book_records.h"

#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>
#include <vector>

namespace headrace {

namespace {

// What a key's last use outlives it by: nobody asks for it any more.
constexpr std::chrono::milliseconds use_kept_for = std::chrono::days(400);

class Fields {
 public:
  Fields& text(std::string_view name, std::string value) {
    fields_.emplace_back(name, std::move(value));
    return *this;
  }
  Fields& number(std::string_view name, std::uint64_t value) {
    return text(name, std::to_string(value));
  }
  Fields& time(std::string_view name, WallTime value) {
    return text(name, std::to_string(value.time_since_epoch().count()));
  }
  Fields& words(std::string_view name, const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all.append(all.empty() ? "" : " ").append(word);
    return text(name, std::move(all));
  }
  [[nodiscard]] Record take() { return {.kind = Record::Kind::map, .fields = std::move(fields_)}; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

// Reads fields, and remembers whether one was not what it must be.
class Reading {
 public:
  explicit Reading(const Record& record) : record_(record) {
    is_sound_ = record.kind == Record::Kind::map;
  }
  [[nodiscard]] const std::string* find(std::string_view name) const {
    for (const auto& [one, value] : record_.fields) {
      if (one == name) return &value;
    }
    return nullptr;
  }
  [[nodiscard]] std::string text(std::string_view name) {
    const std::string* const value = find(name);
    is_sound_ = is_sound_ && value != nullptr;
    return value == nullptr ? std::string() : *value;
  }
  template <class Number = std::uint64_t>
  [[nodiscard]] Number number(std::string_view name) {
    const std::string value = text(name);
    Number number = 0;
    const char* const end = value.data() + value.size();
    const auto parsed = std::from_chars(value.data(), end, number);
    is_sound_ = is_sound_ && parsed.ec == std::errc() && parsed.ptr == end;
    return number;
  }
  [[nodiscard]] WallTime time(std::string_view name) {
    return WallTime(std::chrono::milliseconds(number<std::int64_t>(name)));
  }
  [[nodiscard]] std::vector<std::string> words(std::string_view name) {
    const std::string all = text(name);
    std::vector<std::string> words;
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t end = std::min(all.find(' ', at), all.size());
      words.push_back(all.substr(at, end - at));
      at = end + 1;
    }
    return words;
  }
  void must(bool holds) { is_sound_ = is_sound_ && holds; }
  template <class T>
  [[nodiscard]] Result<T> take(T value, std::string_view what) const {
    if (is_sound_) return value;
    return failure(Code::damaged, "a record of " + std::string(what) + " that is none");
  }

 private:
  const Record& record_;
  bool is_sound_ = true;
};

}  // namespace

RecordKey system_key(std::string_view space, std::string_view key) {
  return {system_tenant, space, key};
}
RecordKey book_record_key() {
  return system_key("book", "book");
}
RecordKey event_record_key(std::uint64_t number, std::size_t events_max) {
  return system_key(event_space, std::to_string(number % events_max));
}

Record record_of(const Book& book) {
  return Fields()
      .number("generation", book.generation)
      .number("last_tenant", book.last_tenant)
      .take();
}

Record record_of(const Tenant& tenant) {
  return Fields()
      .number("id", tenant.id)
      .number("suspended", tenant.is_suspended ? 1 : 0)
      .number("burst", tenant.rates.burst)
      .number("sustained", tenant.rates.sustained)
      .number("daily", tenant.rates.daily)
      .number("records_max", tenant.ceiling.records_max)
      .number("bytes_max", tenant.ceiling.bytes_max)
      .number("value_bytes_max", tenant.value_bytes_max)
      .take();
}

Record record_of(const TenantKey& key) {
  Fields fields;
  fields.text("tenant", key.tenant)
      .text("name", key.name)
      .text("kind", std::string(name_of(key.kind)))
      .words("scopes", names_of(key.scopes))
      .words("policies", key.policies)
      .text("prefix", key.key_prefix)
      .text("digest", key.digest);
  if (key.replaced) fields.time("replaced", *key.replaced);
  Record record = fields.take();
  record.expires = key.expires;
  return record;
}

Record record_of(const TenantEvent& event) {
  return Fields()
      .number("number", event.number)
      .time("at", event.at)
      .text("who", event.actor.who)
      .text("from", event.actor.from)
      .text("what", event.what)
      .text("tenant", event.tenant)
      .text("key", event.key_id)
      .text("detail", event.detail)
      .take();
}

Record record_of_use(WallTime minute) {
  Record record = Fields().time("minute", minute).take();
  record.expires = minute + use_kept_for;
  return record;
}

Result<Book> read_book(const Record* record) {
  if (record == nullptr) return Book{};
  Reading from(*record);
  Book book;
  book.generation = from.number("generation");
  book.last_tenant = from.number<TenantId>("last_tenant");
  return from.take(std::move(book), "the tenants' book");
}

Result<Tenant> read_tenant(std::string_view name, const Record& record) {
  Reading from(record);
  Tenant tenant{.name = std::string(name), .created = record.created};
  tenant.id = from.number<TenantId>("id");
  tenant.is_suspended = from.number("suspended") != 0;
  tenant.rates = {.burst = from.number("burst"),
                  .sustained = from.number("sustained"),
                  .daily = from.number("daily")};
  tenant.ceiling = {.records_max = from.number("records_max"),
                    .bytes_max = from.number("bytes_max")};
  tenant.value_bytes_max = from.number("value_bytes_max");
  from.must(tenant.id > default_tenant);
  return from.take(std::move(tenant), "a tenant");
}

Result<TenantKey> read_key(std::string_view id, const Record& record) {
  Reading from(record);
  TenantKey key{.id = std::string(id), .created = record.created, .expires = record.expires};
  key.tenant = from.text("tenant");
  key.name = from.text("name");
  const std::string kind = from.text("kind");
  bool is_kind = false;
  for (const KeyKind one : {KeyKind::live, KeyKind::test, KeyKind::read_only, KeyKind::admin}) {
    if (name_of(one) != kind) continue;
    key.kind = one;
    is_kind = true;
  }
  const Result<Scopes> scopes = parse_scopes(from.words("scopes"));
  if (scopes) key.scopes = *scopes;
  key.policies = from.words("policies");
  key.key_prefix = from.text("prefix");
  key.digest = from.text("digest");
  if (from.find("replaced") != nullptr) key.replaced = from.time("replaced");
  from.must(is_kind && scopes.has_value() && !key.digest.empty());
  return from.take(std::move(key), "a key");
}

Result<TenantEvent> read_event(const Record& record) {
  Reading from(record);
  TenantEvent event;
  event.number = from.number("number");
  event.at = from.time("at");
  event.actor = {.who = from.text("who"), .from = from.text("from")};
  event.what = from.text("what");
  event.tenant = from.text("tenant");
  event.key_id = from.text("key");
  event.detail = from.text("detail");
  return from.take(std::move(event), "an event");
}

Result<WallTime> read_use(const Record& record) {
  Reading from(record);
  const WallTime minute = from.time("minute");
  return from.take(minute, "a key's use");
}

}  // namespace headrace
