#include "server/http/kv_access.h"

#include <utility>
#include <vector>

#include "server/http/kv_text.h"
#include "wire/uri.h"

namespace headrace::http {

namespace {

std::vector<RecordKey> one(RecordKey key) {
  std::vector<RecordKey> keys;
  keys.push_back(std::move(key));
  return keys;
}

}  // namespace

Task<Outcome<RecordRef>> KvAccess::read(RecordKey key, Keyspace::Access access) {
  auto reading = keyspace_.read(one(std::move(key)), access);
  auto found = co_await std::move(reading);
  if (!found) co_return std::unexpected(problem_of_records(found.error()));
  co_return std::move((*found)[0]);
}

Task<Outcome<KvAccess::Changed>> KvAccess::change(RecordKey key, Operation operation,
                                                  Records::Ceiling ceiling) {
  Changed changed;
  // May be called several times; the last one counts.
  const Keyspace::Operation editor = [&](Workspace& work) {
    changed.made = operation(work);
    return changed.made == Made::made;
  };
  auto editing = keyspace_.edit(one(std::move(key)), editor, ceiling);
  auto left = co_await std::move(editing);
  if (!left) co_return std::unexpected(problem_of_records(left.error()));
  changed.present = std::move((*left)[0]);
  co_return changed;
}

Task<Outcome<Answered>> KvAccess::show(Call call, KvCall asked, Form form) {
  const std::string key(asked.key.key());
  auto reading = read(std::move(asked.key), Keyspace::Access::counts);
  const Outcome<RecordRef> record = co_await std::move(reading);
  if (!record) co_return std::unexpected(record.error());
  // Of If-None-Match a read makes a 304, and no failure.
  asked.condition.absent = false;
  asked.condition.none_of.clear();
  if (!asked.condition.holds(record->get())) {
    co_return std::unexpected(problem_of(Made::unmet, *record, form));
  }
  if (!*record) co_return std::unexpected(no_such_entry());
  if (!can_show(**record, form)) {
    co_return problem("wrong-type",
                      form == Form::envelope
                          ? "it is no text and no JSON; its bytes are at /v1/kv/default/{key}"
                          : "it is a map, and no value");
  }
  const Asking asking{.head = call.request.method == "HEAD",
                      .keep_alive = call.request.keep_alive,
                      .path = call.request.path(),
                      .if_none_match = call.request.header("if-none-match").value_or(""),
                      .request_id = call.request_id};
  Answered answered;
  answered.response.status = append_value(answered.bytes, key, **record, now(), form, asking);
  co_return answered;
}

std::optional<Said> KvAccess::show_now(const wire::Request& request, const Identity& who,
                                       std::string_view ns, std::string_view raw_key, Form form,
                                       Asking asking, std::string& out) {
  if (!who.scopes.has(Scope::kv_read) || !is_namespace(ns)) return std::nullopt;
  for (const wire::Header& header : request.headers) {
    if (wire::same_token(header.name, "if-match")) return std::nullopt;
    if (!wire::same_token(header.name, "if-none-match")) continue;
    if (!asking.if_none_match.empty()) return std::nullopt;
    asking.if_none_match = header.value;
  }
  std::string decoded;
  if (raw_key.contains('%')) {
    auto bytes = wire::percent_decode(raw_key);
    if (!bytes) return std::nullopt;
    raw_key = decoded = *std::move(bytes);
  }
  if (!check_key(who, raw_key)) return std::nullopt;
  if (form == Form::envelope && !wire::is_utf8(raw_key)) return std::nullopt;
  thread_local std::string key_room;
  RecordKey::write(key_room, who.tenant, ns, raw_key);
  const std::optional<RecordRef> record = keyspace_.peek(key_room);
  if (!record) return std::nullopt;
  asking.head = request.method == "HEAD";
  Said said{.route = Route::kv, .keep_alive = asking.keep_alive};
  if (!*record) {
    said.status = append_no_entry(out, asking);
  } else if (can_show(**record, form)) {
    said.status = append_value(out, raw_key, **record, now(), form, asking);
  } else {
    return std::nullopt;
  }
  return said;
}

}  // namespace headrace::http
