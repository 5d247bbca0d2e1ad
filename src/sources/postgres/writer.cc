#include "sources/postgres/writer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <utility>

#include "sources/postgres/states.h"
#include "sql/question.h"
#include "wire/uri.h"

namespace headrace::postgres {

// The values of a write, as its statement names them.
struct Values {
  std::string document{};  // A JSON object of the fields, for json_to_record().
  std::string record{};    // Their columns with their types.
  std::string names{};     // "a", "b"
  std::string taken{};     // r."a", r."b"
  std::string sets{};      // "a" = r."a", ...
  std::string excluded{};  // "a" = EXCLUDED."a", ...
};

namespace {

using Mode = Write::Mode;

// How much longer than the server, which ends a change at its deadline, its answer is waited for:
// until it comes nobody knows whether the change was made.
constexpr Duration answer_grace = std::chrono::seconds(1);

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

// {"$base64":"..."} as the server reads bytes, in JSON; what it is not stays as it is.
Result<std::string> bytes_of(const std::string& json) {
  constexpr std::string_view head = R"({"$base64":")";
  constexpr std::string_view tail = R"("})";
  if (json == "null") return json;
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  const boost::json::object* const object = error ? nullptr : value.if_object();
  const boost::json::value* const coded =
      object == nullptr || object->size() != 1 ? nullptr : object->if_contains("$base64");
  if (coded == nullptr || !coded->is_string()) {
    return wrong("bytes are given as " + std::string(head) + "..." + std::string(tail));
  }
  std::string text(coded->get_string());
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  const Result<std::string> bytes = wire::base64url_decode(text);
  if (!bytes) return wrong("$base64: " + bytes.error().what);
  constexpr char hex[] = "0123456789abcdef";
  std::string spelled = R"("\\x)";
  for (const char c : *bytes) {
    const auto byte = static_cast<unsigned char>(c);
    spelled += hex[byte >> 4];
    spelled += hex[byte & 15];
  }
  return spelled + '"';
}

void add(std::string& list, std::initializer_list<std::string_view> parts) {
  if (!list.empty()) list += ", ";
  for (const std::string_view part : parts) list += part;
}

Result<Values> values_of(const Question& question, const Write& write) {
  Values values;
  for (const auto& [name, json] : write.fields) {
    const Question::Column* const column = question.find_column(name);
    if (column == nullptr) return wrong(name + ": table " + question.table + " has no such column");
    if (column->is_generated) return wrong(name + ": is computed by the table");
    if (name == question.asked.key) return wrong(name + ": is the key, which stays as it is");
    const Result<std::string> value = column->is_bytes ? bytes_of(json) : json;
    if (!value) return wrong(name + ": " + value.error().what);
    const std::string quoted = sql::quoted(name);
    values.document += values.names.empty() ? "{" : ",";
    values.document += boost::json::serialize(boost::json::string(name));
    values.document += ":";
    values.document += *value;
    add(values.record, {quoted, " ", column->type});
    add(values.names, {quoted});
    add(values.taken, {"r.", quoted});
    add(values.sets, {quoted, " = r.", quoted});
    add(values.excluded, {quoted, " = EXCLUDED.", quoted});
  }
  values.document += '}';
  return values;
}

// The entity as a key, whatever type that is.
std::string key_value(const Question& question) {
  return "($1::text)::" + question.key_type;
}

// The row that is spelled so; in the state that is expected, if one is, which the parameter of that
// number names.  A row that another transaction is at is waited for, and then looked at again.
std::string where(const Question& question, std::string_view expected) {
  const std::string key = "s." + sql::quoted(question.asked.key);
  std::string text = " WHERE " + key + " = " + key_value(question) + " AND " + key;
  text += "::text = $1::text";
  if (!expected.empty()) {
    text += " AND s.xmin::text = ";
    text += expected;
  }
  return text + " RETURNING 1";
}

std::string update_of(const Question& question, const Values& values,
                      std::string_view expected = {}) {
  return "UPDATE " + question.table + " AS s SET " + values.sets +
         " FROM json_to_record($2::json) AS r(" + values.record + ")" + where(question, expected);
}

std::string insert_of(const Question& question, const Values& values) {
  const std::string key = sql::quoted(question.asked.key);
  const bool any = !values.names.empty();
  return "INSERT INTO " + question.table + "(" + key + (any ? ", " + values.names : "") +
         ") SELECT " + key_value(question) +
         (any ? ", " + values.taken + " FROM json_to_record($2::json) AS r(" + values.record + ")"
              : "") +
         " WHERE (" + key_value(question) + ")::text = $1::text";
}

// Whoever has made it in between comes first.
std::string insert_if_absent(const Question& question, const Values& values) {
  return insert_of(question, values) + " ON CONFLICT (" + sql::quoted(question.asked.key) +
         ") DO NOTHING RETURNING 1";
}

// A row that is there is updated, for PostgreSQL would check the one to be made first, with all
// that it lacks.  The conflict is with whoever has made it in between.
std::string upsert_of(const Question& question, const Values& values) {
  const std::string key = sql::quoted(question.asked.key);
  const bool any = !values.names.empty();
  const std::string insert = insert_of(question, values);
  const std::string conflict = " ON CONFLICT (" + key + ") DO UPDATE SET " +
                               (any ? values.excluded : key + " = EXCLUDED." + key) +
                               " RETURNING 1";
  if (!any) return insert + conflict;
  return "WITH u AS (" + update_of(question, values) + "), i AS (" + insert +
         " AND NOT EXISTS (SELECT FROM u)" + conflict +
         ") SELECT 1 FROM u UNION ALL SELECT 1 FROM i";
}

// All that changes, if that is more than the engine thinks by itself.
std::vector<Dependency> changes_of(const Question& question, const Write& write) {
  const bool removes = write.mode == Mode::remove;
  const std::vector<Dependency>& others = removes ? question.removed_with : question.updated_with;
  std::vector<Dependency> all;
  if (others.empty() && !question.changes_itself) return all;
  Dependency own = question.reads.front();
  own.fields.clear();
  if (write.mode == Mode::update && !question.changes_itself) {
    for (const auto& [name, value] : write.fields) own.fields.push_back(name);
  }
  all.push_back(std::move(own));
  all.insert(all.end(), others.begin(), others.end());
  for (Dependency& one : all) one.database = question.reads.front().database;
  return all;
}

}  // namespace

Writer::Statement Writer::statement_of(const Question& question, const Write& write,
                                       const Values& values) {
  Statement statement{.parameters = {write.entity}};
  if (!write.fields.empty()) statement.parameters.push_back(values.document);
  std::string expected;
  const bool is_to_be_there = write.expected && !write.expected->empty();
  if (is_to_be_there) {
    statement.parameters.push_back(*write.expected);
    expected = "$" + std::to_string(statement.parameters.size()) + "::text";
  }
  if (write.mode == Mode::remove) {
    statement.sql = "DELETE FROM " + question.table + " AS s" + where(question, expected);
  } else if (write.mode == Mode::update || is_to_be_there) {
    statement.sql = update_of(question, values, expected);
  } else if (write.expected) {
    statement.sql = insert_if_absent(question, values);
  } else {
    statement.sql = upsert_of(question, values);
  }
  return statement;
}

Result<Written> Writer::apply(const Question& question, const Write& write) {
  if (server_.clock.now() >= write.deadline) {
    return failure(Code::timed_out, "the PostgreSQL write did not begin before its deadline");
  }
  if (!is_text(write.entity)) {
    if (write.mode == Mode::upsert) {
      return wrong("the entity is no text: it has a zero byte, or is not UTF-8");
    }
    return Written{.found = false};
  }
  const Result<Values> values = values_of(question, write);
  if (!values) return std::unexpected(values.error());
  const bool is_to_be_there = write.expected && !write.expected->empty();
  if (write.fields.empty() &&
      (write.mode == Mode::update || (write.mode == Mode::upsert && is_to_be_there))) {
    return wrong("an update names at least one field");
  }
  return change(question, write, statement_of(question, write, *values));
}

// What is done here changes nothing, so that what goes wrong is no doubt.  A session that turns out
// to be lost is made anew, once.
Result<void> Writer::begin(Instant deadline) {
  using std::chrono::milliseconds;
  for (bool is_first = true;; is_first = false) {
    Result<void> begun = line_.open(deadline);
    if (begun) {
      const auto left = std::chrono::floor<milliseconds>(deadline - server_.clock.now()).count();
      const std::string limit = std::to_string(
          std::clamp<std::int64_t>(left, 1, std::numeric_limits<std::int32_t>::max()));
      begun = line_.session().run("SET statement_timeout = " + limit, {}, deadline);
      if (begun) return begun;
      line_.close();
    }
    if (!is_first || !line_.was_open()) {
      return failure(Code::refused, begun.error().what + "; nothing was changed");
    }
  }
}

Result<Written> Writer::change(const Question& question, const Write& write,
                               const Statement& statement) {
  if (Result<void> begun = begin(write.deadline); !begun) return std::unexpected(begun.error());
  std::size_t rows = 0;
  const Result<void> done =
      line_.session().ask(statement.sql, statement.parameters, write.deadline + answer_grace,
                          [&rows](const Row&) { ++rows; });
  if (!done) return refused(question, write, done.error());
  if (rows == 0) {
    Result<Written> nothing = found_nothing(question, write);
    if (nothing && write.expected) nothing = Written{.conflict = true};
    return nothing;
  }
  Written written;
  (write.mode == Mode::remove ? written.deletes : written.writes) = 1;
  written.changed = changes_of(question, write);
  return written;
}

Result<std::vector<std::string>> Writer::ask(const std::string& sql, const std::string& entity,
                                             Instant until) {
  std::vector<std::string> keys;
  const Result<void> done = line_.session().ask(
      sql, {entity}, until, [&keys](const Row& row) { keys.emplace_back(row.at(0).value_or("")); });
  if (done) return keys;
  if (is_of_type(line_.session().refusal().state)) return keys;
  const Error& error = done.error();
  if (line_.session().is_lost()) line_.close();
  return std::unexpected(error);
}

// There is no such row, or it is spelled otherwise.
Result<Written> Writer::found_nothing(const Question& question, const Write& write) {
  const std::string key = "s." + sql::quoted(question.asked.key);
  const std::string sql = write.mode == Mode::upsert
                              ? "SELECT (" + key_value(question) + ")::text"
                              : "SELECT " + key + "::text FROM " + question.table + " AS s WHERE " +
                                    key + " = " + key_value(question);
  const Result<std::vector<std::string>> keys =
      ask(sql, write.entity, write.deadline + answer_grace);
  if (!keys) return std::unexpected(keys.error());
  if (keys->empty() || keys->front() == write.entity) return Written{.found = false};
  return wrong("the row's own key is \"" + keys->front() +
               "\"; write it under that name, for what is kept under it would not be outdated");
}

Result<Written> Writer::refused(const Question& question, const Write& write, const Error& error) {
  Session& session = line_.session();
  const Session::Refusal refusal = session.refusal();
  if (session.is_lost() || refusal.state.empty()) {
    line_.close();
    return std::unexpected(lost_at(write, error));
  }
  if (refusal.state == "57014") {
    return failure(Code::timed_out,
                   "the PostgreSQL write was broken off at its deadline; nothing changed");
  }
  if (!is_of_change(refusal.state)) {
    return failure(code_of(refusal.state), error.what + "; nothing changed");
  }
  if (is_of_type(refusal.state)) {
    const auto key = ask("SELECT (" + key_value(question) + ")::text", write.entity,
                         write.deadline + answer_grace);
    if (!key) return std::unexpected(key.error());
    if (key->empty() && write.mode != Mode::upsert) return Written{.found = false};
    if (key->empty()) return wrong("the entity is no " + question.key_type + ", as the key is");
  }
  const bool is_named = std::ranges::any_of(
      write.fields, [&](const auto& field) { return field.first == refusal.column; });
  return wrong((is_named ? refusal.column + ": " : "") + refusal.words);
}

// Nobody knows whether it was made.
Error Writer::lost_at(const Write& write, const Error& error) const {
  if (server_.clock.now() >= write.deadline) return {Code::timed_out, error.what};
  return error;
}

}  // namespace headrace::postgres
