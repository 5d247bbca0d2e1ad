#include "feeds/postgres/installed.h"

#include <algorithm>
#include <utility>

#include "feeds/postgres/outbox_sql.h"

namespace headrace::postgres::feed {

namespace {

constexpr char find_functions[] =
    "SELECT p.proname, p.prosrc, p.prosecdef FROM pg_catalog.pg_proc AS p "
    "WHERE p.pronamespace = to_regnamespace('headrace') AND p.proname LIKE 'outbox\\_%' "
    "AND p.proname ~ $1";

// Those that always fire, whatever they fire on.
constexpr char find_triggers[] =
    "SELECT t.tgrelid, t.tgname, p.proname FROM pg_catalog.pg_trigger AS t "
    "JOIN pg_catalog.pg_proc AS p ON p.oid = t.tgfoid "
    "WHERE p.pronamespace = to_regnamespace('headrace') AND p.proname ~ $1 "
    "AND t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgattr = ''";

constexpr char find_tables[] =
    "SELECT name FROM unnest(ARRAY['headrace.outbox', 'headrace.outbox_feeds']) AS name "
    "WHERE to_regclass(name) IS NULL";

// Changes that come by a subscription fire no trigger of a statement.
constexpr char find_subscribed[] =
    "SELECT srrelid::regclass::text FROM pg_catalog.pg_subscription_rel "
    "WHERE srrelid = ANY ($1::oid[])";

std::string advice(std::string what) {
  return std::move(what) + "; install the outbox again";
}

std::string lack_of_one(const PostgresOutbox& outbox, const Watched& watched, const Rows& functions,
                        const Rows& triggers) {
  const std::string function = function_name(outbox.name, watched);
  const std::vector<std::string> wanted{function, function_body(outbox, watched), "t"};
  if (std::ranges::count(functions, wanted) == 0) {
    return advice("the function headrace." + function + ", which tells of changes of " +
                  watched.collection + ", is not there, or not as it should be");
  }
  for (const Watched::Relation& relation : watched.relations) {
    for (const std::string_view event : outbox_events) {
      const std::vector<std::string> one{relation.oid, trigger_name(outbox.name, watched, event),
                                         function};
      if (std::ranges::count(triggers, one) > 0) continue;
      return advice("the trigger " + one[1] + " on " + relation.name +
                    " is not there, or does not always fire");
    }
  }
  return "";
}

Result<std::string> read_subscribed(const std::vector<Watched>& tables, Session& session,
                                    Instant until) {
  std::string oids;
  for (const Watched& watched : tables) {
    for (const Watched::Relation& relation : watched.relations) {
      oids += (oids.empty() ? "{" : ",") + relation.oid;
    }
  }
  const Result<Rows> found = ask_rows(session, find_subscribed, {oids + "}"}, 1, until);
  if (!found) return std::unexpected(found.error());
  if (found->empty()) return "";
  return found->front().front() +
         " is changed by a subscription (logical replication), which fires no trigger of a "
         "statement; keep the outbox where the changes are made";
}

}  // namespace

Result<std::string> read_lack(const PostgresOutbox& outbox, Session& session, Instant until) {
  const Result<Rows> missing = ask_rows(session, find_tables, {}, 1, until);
  if (!missing) return std::unexpected(missing.error());
  if (!missing->empty()) return advice("the table " + missing->front().front() + " is not there");
  const Result<std::vector<Watched>> tables = read_watched(outbox, session, until);
  if (!tables) {
    if (tables.error().code == Code::invalid_argument) return tables.error().what;
    return std::unexpected(tables.error());
  }
  const std::string pattern = functions_pattern(outbox.name);
  const Result<Rows> functions = ask_rows(session, find_functions, {pattern}, 3, until);
  if (!functions) return std::unexpected(functions.error());
  const Result<Rows> triggers = ask_rows(session, find_triggers, {pattern}, 3, until);
  if (!triggers) return std::unexpected(triggers.error());
  for (const Watched& watched : *tables) {
    std::string lack = lack_of_one(outbox, watched, *functions, *triggers);
    if (!lack.empty()) return lack;
  }
  return read_subscribed(*tables, session, until);
}

Result<std::vector<std::string>> read_functions(std::string_view feed, Session& session,
                                                Instant until) {
  const Result<Rows> found = ask_rows(session, find_functions, {functions_pattern(feed)}, 1, until);
  if (!found) return std::unexpected(found.error());
  std::vector<std::string> names;
  for (const auto& row : *found) names.push_back(row[0]);
  return names;
}

}  // namespace headrace::postgres::feed
