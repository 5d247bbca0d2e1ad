#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "config/field_names.h"
#include "config/parts.h"
#include "core/nearest.h"

namespace headrace::config {

namespace {

std::string in_quotes(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

Spelling spelling_of(const SourceConfig& source) {
  return source.kind() == "firestore" ? Spelling::backticks : Spelling::points;
}

const SourceConfig* read_source_name(const Config& config, PolicyConfig& policy, Section& section) {
  if (!section.text("source", policy.source)) {
    if (!section.has("source")) section.fail("source is missing: the name of a source");
    return nullptr;
  }
  const SourceConfig* source = config.find_source(policy.source);
  if (source == nullptr) {
    std::vector<std::string_view> names;
    for (const SourceConfig& one : config.sources) names.push_back(one.name);
    section.fail("source", "there is no source " + in_quotes(policy.source) +
                               nearest_hint(policy.source, names));
  }
  return source;
}

void check_field(const Policy& policy, std::size_t n, const SourceConfig* source,
                 Section& section) {
  const std::string& field = policy.fields[n];
  const Place place = section.place_of("fields", n);
  if (field == "*") {
    section.fail_at(
        place, "fields",
        "policy " + in_quotes(policy.name) + " names \"*\"; name each field that may be cached");
  } else if (field.empty()) {
    section.fail_at(place, "fields", "policy " + in_quotes(policy.name) + " names an empty field");
  } else if (std::find(policy.fields.begin(),
                       policy.fields.begin() + static_cast<std::ptrdiff_t>(n),
                       field) != policy.fields.begin() + static_cast<std::ptrdiff_t>(n)) {
    section.fail_at(place, "fields",
                    "policy " + in_quotes(policy.name) + " names " + in_quotes(field) + " twice");
  }
  if (source == nullptr) return;
  for (const std::string& secret : source->never_cache) {
    if (!reveals(field, secret, spelling_of(*source))) continue;
    section.fail_at(place, "fields",
                    "policy " + in_quotes(policy.name) + " names field " + in_quotes(field) +
                        ", which source " + in_quotes(source->name) + " says never to cache" +
                        (field == secret ? "" : " (" + in_quotes(secret) + ")"));
  }
}

void read_fields(Policy& policy, const SourceConfig* source, Section& section) {
  const bool given = section.texts("fields", policy.fields);
  if (!section.has("fields") || (given && policy.fields.empty())) {
    const std::string text =
        "policy " + in_quotes(policy.name) + " names no fields; name each that may be cached";
    if (given) {
      section.fail("fields", text);
    } else {
      section.fail(text);
    }
  }
  for (std::size_t n = 0; n < policy.fields.size(); ++n) check_field(policy, n, source, section);
}

// What may be written, which may be what may not be cached.
void read_writable(Policy& policy, const SourceConfig* source, Section& section) {
  section.texts("writable", policy.writable);
  section.truth("removable", policy.removable);
  if (source == nullptr || source->is_writable()) return;
  const std::string why =
      source->kind() == "http" ? ": it is of kind \"http\"" : "; set its `writable = true`";
  const std::string text = "source " + in_quotes(source->name) + " cannot be written to" + why;
  if (!policy.writable.empty()) section.fail("writable", text);
  if (policy.removable) section.fail("removable", text);
}

void read_tags(Policy& policy, Section& section) {
  section.texts("tags", policy.tags);
  for (std::size_t n = 0; n < policy.tags.size(); ++n) {
    std::string rest = policy.tags[n];
    for (std::size_t at; (at = rest.find("{entity}")) != std::string::npos;) rest.erase(at, 8);
    if (rest.find_first_of("{}") == std::string::npos) continue;
    section.fail_at(section.place_of("tags", n), "tags",
                    in_quotes(policy.tags[n]) + " has a brace that is not part of {entity}");
  }
}

// The enum whose names stand for its values 0, 1, 2 ...
template <class Enum>
void read_choice(std::string_view key, Enum& into, std::initializer_list<std::string_view> names,
                 Section& section) {
  std::string name;
  if (!section.choice(key, name, names)) return;
  into = static_cast<Enum>(std::ranges::find(names, name) - names.begin());
}

void read_times(Policy& policy, Section& section) {
  section.text("tenant", policy.tenant);
  std::size_t version = policy.version;
  section.count("version", version, 1, std::numeric_limits<std::uint32_t>::max());
  policy.version = static_cast<std::uint32_t>(version);
  read_tags(policy, section);
  read_choice("rollout", policy.rollout, {"off", "shadow", "percentage", "on"}, section);
  section.number("percentage", policy.percentage, 0, 100);
  const bool has_share = policy.rollout == Rollout::percentage || policy.rollout == Rollout::shadow;
  if (section.has("percentage") && !has_share) {
    section.fail("percentage", "has a meaning only with rollout = \"percentage\" or \"shadow\"");
  }
  read_choice("level", policy.level, {"bounded", "strict", "linearizable", "critical"}, section);
  section.duration("fresh_for", policy.fresh_for);
  section.duration("stale_for", policy.stale_for);
  section.duration("stale_if_error_for", policy.stale_if_error_for);
  section.duration("absent_for", policy.absent_for);
  section.number("jitter", policy.jitter, 0, 0.5);
  section.duration("fetch_within", policy.fetch_within);
  section.duration("load_within", policy.load_within);
  section.duration("retry_after", policy.retry_after);
  section.duration("retry_after_max", policy.retry_after_max);
  section.text("budget", policy.budget);
  section.count("source_calls_max", policy.source_calls_max, 1, source_calls_most);
  section.duration("gather_within", policy.gather_within);
  section.count("batch_max", policy.batch_max, 1, 1000);
  section.bytes("value_bytes_max", policy.value_bytes_max);
}

// A budget may be said in money, which is what the source bills for so many reads.
void read_verify_cost(Policy& policy, const SourceConfig* source, Section& section) {
  constexpr double days_a_month = 30, reads_per_price = 100'000;
  double cost = 0;
  if (!section.number("verify_cost_per_month", cost, 0, 1e9)) return;
  if (section.has("verify_reads_per_day")) {
    section.fail("verify_cost_per_month",
                 "and verify_reads_per_day are both given; keep one of them");
    return;
  }
  if (cost <= 0) {
    section.fail("verify_cost_per_month",
                 "must be more than zero; for no verification set `verify_share = 0`");
    return;
  }
  if (source == nullptr) return;
  if (source->read_price_per_100k <= 0) {
    section.fail("verify_cost_per_month",
                 "source " + in_quotes(source->name) +
                     " has no price: set its read_price_per_100k, or verify_reads_per_day");
    return;
  }
  policy.verify_reads_per_day =
      cost / (source->read_price_per_100k / reads_per_price) / days_a_month;
}

void read_verification(Policy& policy, const SourceConfig* source, Section& section) {
  section.number("verify_share", policy.verify_share, 0, 1);
  section.number("verify_reads_per_day", policy.verify_reads_per_day, 0, 1e12);
  read_verify_cost(policy, source, section);
  std::size_t mismatches_max = 0;
  if (section.count("mismatches_max", mismatches_max, 0, mismatches_most)) {
    policy.mismatches_max = mismatches_max;
  }
  section.duration("mismatch_window", policy.mismatch_window);
  section.truth("violation_switches", policy.violation_switches);
}

// Faults begin with the name of the key that they are about.
void tell_faults(const Policy& policy, Section& section) {
  for (const std::string& fault : faults_of(policy)) {
    const std::size_t colon = fault.find(": ");
    const std::string key = fault.substr(0, colon);
    if (colon == std::string::npos || key == "name") {
      section.fail(fault);
    } else {
      section.fail(key, fault.substr(colon + 2));
    }
  }
}

// The keys of the question that a source of the other kind would have.
void refuse_foreign(std::initializer_list<std::string_view> keys, const SourceConfig& source,
                    Section& section) {
  for (const std::string_view key : keys) {
    if (!section.has(key)) continue;
    section.fail(key, "does not belong here: source " + in_quotes(source.name) + " is of kind " +
                          in_quotes(source.kind()));
  }
}

void check_sql(const SqlQuestion& asked, const SourceConfig& source, Section& section) {
  refuse_foreign({"path", "collection", "where", "order", "limit"}, source, section);
  if (section.has("table") == section.has("query")) {
    section.fail(section.has("table") ? "table and query are both given; keep one of them"
                                      : "table or query is missing: what to ask the source");
  }
  if (section.has("key") && section.has("query")) {
    section.fail("key", std::string("belongs to a table; a query names the entity as ") +
                            (source.kind() == "sqlite" ? "`?` or `:entity`" : "$1"));
  }
  if (section.has("query") && (section.has("writable") || section.has("removable"))) {
    section.fail(section.has("writable") ? "writable" : "removable",
                 "belongs to a table; a query cannot be written to");
  }
  for (const std::string& secret : source.never_cache) {
    if (!mentions(asked.query, secret)) continue;
    section.fail("query", "names " + in_quotes(secret) + ", which source " +
                              in_quotes(source.name) + " says never to cache");
  }
}

void check_http(const HttpQuestion& asked, const SourceConfig& source, Section& section) {
  refuse_foreign(
      {"table", "key", "query", "rows", "rows_max", "collection", "where", "order", "limit"},
      source, section);
  if (!section.has("path")) {
    section.fail("path is missing: what to ask the source, such as \"/users/{entity}\"");
  } else if (!asked.path.starts_with('/') || asked.path.find("{entity}") == std::string::npos) {
    section.fail("path", "must begin with \"/\" and have {entity} in it");
  }
}

// Filters and orders tell what is in a field, even if they do not take it.
void refuse_secrets(std::string_view key, const std::vector<std::string>& texts,
                    const SourceConfig& source, Section& section) {
  for (std::size_t n = 0; n < texts.size(); ++n) {
    for (const std::string& secret : source.never_cache) {
      if (!reveals(field_of(texts[n]), secret, Spelling::backticks)) continue;
      section.fail_at(section.place_of(key, n), key,
                      "names " + in_quotes(secret) + ", which source " + in_quotes(source.name) +
                          " says never to cache");
    }
  }
}

void check_firestore(FirestoreTexts& asked, const SourceConfig& source, Section& section) {
  refuse_foreign({"table", "key", "query", "rows", "rows_max", "path"}, source, section);
  if (asked.question.collection.empty()) {
    section.fail("collection is missing: what to ask the source, such as \"users\"");
  }
  const bool is_query = !asked.where.empty() || !asked.order.empty() || section.has("limit") ||
                        asked.question.collection.contains("{entity}");
  if (is_query) asked.question.asks = FirestoreQuestion::Asks::query;
  if (is_query && (section.has("writable") || section.has("removable"))) {
    section.fail(section.has("writable") ? "writable" : "removable",
                 "belongs to documents; a query cannot be written to");
  }
  refuse_secrets("where", asked.where, source, section);
  refuse_secrets("order", asked.order, source, section);
}

void tell_text_faults(const std::vector<TextFault>& faults, Section& section) {
  for (const TextFault& fault : faults) {
    if (fault.key.empty()) {
      section.fail(fault.text);
    } else {
      section.fail_at(section.place_of(fault.key, fault.n), fault.key, fault.text);
    }
  }
}

// What names the question besides the fields.  Each part stands behind its length.
std::string fingerprint(const SourceConfig& source, const PolicyConfig& policy) {
  std::vector<std::string> parts = {std::string(source.kind())};
  if (const auto* asked = std::get_if<SqlQuestion>(&policy.question)) {
    const bool many = asked->rows == SqlQuestion::Rows::many;
    const auto* sqlite = std::get_if<SqliteDatabaseOptions>(&source.options);
    const std::string& where =
        sqlite != nullptr ? sqlite->path
                          : std::get<PostgresSourceConfig>(source.options).options.connection;
    parts.insert(parts.end(),
                 {where, asked->table, asked->key, asked->query, many ? "many" : "one"});
  } else if (const auto* path = std::get_if<HttpQuestion>(&policy.question)) {
    parts.insert(parts.end(), {std::get<HttpOriginOptions>(source.options).url, path->path});
  } else {
    const auto& options = std::get<FirestoreDatabaseOptions>(source.options);
    const auto& texts = std::get<FirestoreTexts>(policy.question);
    const bool is_query = texts.question.asks == FirestoreQuestion::Asks::query;
    parts.insert(parts.end(),
                 {options.project, options.database, options.emulator, texts.question.collection,
                  is_query ? "query" : "document", std::to_string(texts.question.limit)});
    for (const auto* each : {&texts.where, &texts.order}) {
      parts.push_back(std::to_string(each->size()));
      parts.insert(parts.end(), each->begin(), each->end());
    }
  }
  std::string text;
  for (const std::string& part : parts) text += std::to_string(part.size()) + ":" + part + " ";
  return text;
}

}  // namespace

void read_policy_keys(const Config& config, PolicyConfig& policy, Section& section,
                      const FirestoreCheck& check) {
  const SourceConfig* source = read_source_name(config, policy, section);
  read_fields(policy.policy, source, section);
  read_writable(policy.policy, source, section);
  read_times(policy.policy, section);
  read_verification(policy.policy, source, section);

  SqlQuestion sql;
  HttpQuestion http;
  section.text("table", sql.table);
  section.text("key", sql.key);
  section.text("query", sql.query);
  read_choice("rows", sql.rows, {"one", "many"}, section);
  section.count("rows_max", sql.rows_max, 1, 10'000'000);
  section.text("path", http.path);
  FirestoreTexts firestore;
  section.text("collection", firestore.question.collection);
  section.texts("where", firestore.where);
  section.texts("order", firestore.order);
  section.count("limit", firestore.question.limit, 1, firestore_documents_max);
  sql.fields = http.fields = firestore.question.fields = policy.policy.fields;
  sql.writable = firestore.question.writable = policy.policy.writable;
  if (source != nullptr && source->speaks_sql()) {
    check_sql(sql, *source, section);
    policy.question = std::move(sql);
  } else if (source != nullptr && source->kind() == "firestore") {
    check_firestore(firestore, *source, section);
    if (check) tell_text_faults(check(firestore), section);
    policy.question = std::move(firestore);
  } else if (source != nullptr) {
    check_http(http, *source, section);
    policy.question = std::move(http);
  }
  if (source != nullptr) policy.policy.question = fingerprint(*source, policy);
  tell_faults(policy.policy, section);
}

void read_policy(Config& config, std::string name, Section section, const FirestoreCheck& check) {
  PolicyConfig policy{.place = section.place()};
  policy.policy.name = std::move(name);
  read_policy_keys(config, policy, section, check);
  section.finish();
  config.policies.push_back(std::move(policy));
}

}  // namespace headrace::config
