// Feeds of sources' changes, and what they cover: [feeds.NAME].
#include <algorithm>
#include <utility>

#include "config/parts.h"
#include "core/nearest.h"

namespace headrace::config {

namespace {

// Each proof is a write there, so that they are fewer.
constexpr Duration firestore_bound = std::chrono::seconds(10);

const SourceConfig* read_source_of_feed(const Config& config, FeedConfig& feed, Section& section) {
  if (!section.text("source", feed.source)) {
    if (!section.has("source")) section.fail("source is missing: the name of a source");
    return nullptr;
  }
  const SourceConfig* source = config.find_source(feed.source);
  if (source == nullptr) {
    std::vector<std::string_view> names;
    for (const SourceConfig& one : config.sources) names.push_back(one.name);
    section.fail("source",
                 "there is no source \"" + feed.source + "\"" + nearest_hint(feed.source, names));
  } else if (source->kind() == "http") {
    section.fail("source", "\"" + source->name +
                               "\" is of kind \"http\"; a feed is one of PostgreSQL, SQLite or "
                               "Firestore");
    return nullptr;
  }
  return source;
}

// The table that a policy asks for; empty: it has a query, or another source.
std::string table_asked(const PolicyConfig* policy, std::string_view source) {
  if (policy == nullptr || policy->source != source) return "";
  const auto* asked = std::get_if<SqlQuestion>(&policy->question);
  return asked == nullptr ? "" : asked->table;
}

// Whether what a policy asks of the source is what a feed tells of.
bool can_be_told(const PolicyConfig& policy, std::string_view source) {
  const bool asks_firestore = std::holds_alternative<FirestoreTexts>(policy.question);
  return (asks_firestore && policy.source == source) || !table_asked(&policy, source).empty();
}

// The policies that are covered: those that are named, else all that the feed can tell of.
void read_policies(const Config& config, FeedConfig& feed, Section& section) {
  std::vector<std::string>& names = feed.cover.policies;
  section.texts("policies", names);
  for (std::size_t n = 0; n < names.size(); ++n) {
    if (config.find_policy(names[n]) != nullptr) continue;
    std::vector<std::string_view> all;
    for (const PolicyConfig& one : config.policies) all.push_back(one.policy.name);
    section.fail_at(section.place_of("policies", n), "policies",
                    "there is no policy \"" + names[n] + "\"" + nearest_hint(names[n], all));
  }
  if (section.has("policies")) return;
  for (const PolicyConfig& one : config.policies) {
    if (can_be_told(one, feed.source)) names.push_back(one.policy.name);
  }
}

// The names in braces of a tag.
std::vector<std::string> columns_in(std::string_view tag) {
  std::vector<std::string> names;
  for (std::size_t open = 0; (open = tag.find('{', open)) != std::string_view::npos;) {
    const std::size_t close = tag.find('}', open);
    if (close == std::string_view::npos) return names;
    names.emplace_back(tag.substr(open + 1, close - open - 1));
    open = close;
  }
  return names;
}

// What feeds with an outbox have in common.
struct OutboxOptions {
  std::string& name;
  std::vector<OutboxTable>& tables;
  std::size_t& batch_max;
  std::size_t& backlog_max;
  Duration& poll_every;
};

OutboxOptions outbox_of(FeedConfig& feed) {
  const auto of = [](auto& options) -> OutboxOptions {
    return {options.outbox.name, options.outbox.tables, options.batch_max, options.backlog_max,
            options.poll_every};
  };
  auto* const sqlite = std::get_if<SqliteFeedOptions>(&feed.options);
  return sqlite != nullptr ? of(*sqlite) : of(std::get<PostgresFeedOptions>(feed.options));
}

// Until it is known by which way it learns of changes.
PostgresFeedOptions& of_postgres(FeedConfig& feed) {
  return std::get<PostgresFeedOptions>(feed.options);
}

// In SQL's spelling; of SQLite the name is the schema's own.
std::string sql_name_of(const FeedConfig& feed, const std::string& table) {
  if (!std::holds_alternative<SqliteFeedOptions>(feed.options)) return table;
  std::string name = "\"";
  for (const char c : table) name.append(c == '"' ? 2 : 1, c);
  return name + "\"";
}

void read_table(FeedConfig& feed, const std::string& name, Section section) {
  FeedCoverOptions::Tags tags{.table = sql_name_of(feed, name)};
  section.texts("tags", tags.tags);
  OutboxTable& table = outbox_table(feed, name);
  for (std::size_t n = 0; n < tags.tags.size(); ++n) {
    const std::string& tag = tags.tags[n];
    const auto braces = std::ranges::count(tag, '{') + std::ranges::count(tag, '}');
    const std::vector<std::string> columns = columns_in(tag);
    if (std::ranges::count(columns, "") > 0 || std::ssize(columns) * 2 != braces) {
      section.fail_at(section.place_of("tags", n), "tags",
                      "\"" + tag + "\" has a brace that is not part of a column's name in braces");
    }
    for (const std::string& column : columns) {
      if (std::ranges::count(table.values, column) == 0) table.values.push_back(column);
    }
  }
  section.finish();
  if (!tags.tags.empty()) feed.cover.tables.push_back(std::move(tags));
}

void read_tables(const Config& config, FeedConfig& feed, Section& section) {
  for (const std::string& name : feed.cover.policies) {
    const std::string table = table_asked(config.find_policy(name), feed.source);
    if (!table.empty()) (void)outbox_table(feed, table);
  }
  section.each("tables", [&feed](const std::string& name, Section table) {
    read_table(feed, name, std::move(table));
  });
  const std::vector<OutboxTable>& all = outbox_of(feed).tables;
  for (const OutboxTable& one : all) {
    if (one.values.size() <= outbox_values_max) continue;
    section.fail("tags and snapshots name more than " + std::to_string(outbox_values_max) +
                 " columns of " + one.table);
  }
  const std::size_t tables = all.size();
  if (tables == 0) {
    section.fail(
        "it names no tables: no policy of its source that it covers asks for one, and there is no "
        "[feeds." +
        feed.name + ".tables.NAME]");
  } else if (tables > outbox_tables_max) {
    section.fail("it has more than " + std::to_string(outbox_tables_max) + " tables");
  }
}

// What the two ways have in common.
void read_times(FeedConfig& feed, Section& section) {
  const OutboxOptions options = outbox_of(feed);
  if (auto* const postgres = std::get_if<PostgresFeedOptions>(&feed.options)) {
    section.count("rows_max", postgres->outbox.rows_max, 1, 1'000'000);
  }
  section.count("batch_max", options.batch_max, 1, 10'000);
  section.count("backlog_max", options.backlog_max, 1, 10'000'000);
  if (section.duration("poll_every", options.poll_every) &&
      (options.poll_every < std::chrono::milliseconds(10) ||
       options.poll_every > std::chrono::seconds(5))) {
    section.fail("poll_every", "must be 10ms to 5s");
  }
}

void read_cover(FeedConfig& feed, Section& section) {
  section.duration("bound", feed.cover.bound);
  std::string behind;
  if (section.choice("when_behind", behind, {"bypass", "own-bound"}) && behind == "own-bound") {
    feed.cover.when_behind = FeedCoverOptions::Behind::own_bound;
  }
}

// SQLite's names are the same in capitals.
void read_outbox(FeedConfig& feed, Section& section) {
  if (auto* const postgres = std::get_if<PostgresFeedOptions>(&feed.options)) {
    section.truth("notify", postgres->outbox.notify);
  }
  if (feed.cover.bound < 2 * outbox_of(feed).poll_every) {
    section.fail("bound", "must be at least twice poll_every: each poll proves once");
  }
  std::string& name = outbox_of(feed).name;
  section.text("outbox", name);
  const bool has_capitals = !std::holds_alternative<SqliteFeedOptions>(feed.options);
  const bool is_sound = !name.empty() && name.size() <= outbox_name_bytes_max &&
                        std::ranges::all_of(name, [has_capitals](char c) {
                          return (c >= '0' && c <= '9') || (has_capitals && c >= 'A' && c <= 'Z') ||
                                 (c >= 'a' && c <= 'z') || c == '_' || c == '-';
                        });
  if (!is_sound) {
    section.fail("outbox", "must be 1 to 24 " + std::string(has_capitals ? "" : "lower-case ") +
                               "letters, digits, \"-\" and \"_\"");
  }
}

// From here on the feed's options are those of this way.
void read_decoding(FeedConfig& feed, Section& section) {
  PostgresFeedOptions& options = of_postgres(feed);
  if (feed.cover.bound < 4 * options.poll_every) {
    section.fail("bound",
                 "must be at least four times poll_every: so long a server that is not told may "
                 "need for a proof");
  }
  PostgresDecoding decoding{.tables = std::move(options.outbox.tables)};
  section.text("slot", decoding.name);
  const bool is_sound = !decoding.name.empty() && decoding.name.size() <= outbox_name_bytes_max &&
                        std::ranges::all_of(decoding.name, [](char c) {
                          return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_';
                        });
  if (!is_sound) section.fail("slot", "must be 1 to 24 lower-case letters, digits and \"_\"");
  feed.options = PostgresDecodingOptions{.decoding = std::move(decoding),
                                         .poll_every = options.poll_every,
                                         .rows_max = options.outbox.rows_max,
                                         .batch_max = options.batch_max,
                                         .backlog_max = options.backlog_max};
}

// What says which of those that have a feed is told, and the key that names it.
std::pair<std::string_view, std::string_view> told_by(const FeedConfig& feed) {
  if (const auto* firestore = std::get_if<FirestoreFeedOptions>(&feed.options)) {
    return {"lease", firestore->lease};
  }
  if (const auto* decoding = std::get_if<PostgresDecodingOptions>(&feed.options)) {
    return {"slot", decoding->decoding.name};
  }
  if (const auto* sqlite = std::get_if<SqliteFeedOptions>(&feed.options)) {
    return {"outbox", sqlite->outbox.name};
  }
  return {"outbox", std::get<PostgresFeedOptions>(feed.options).outbox.name};
}

// Each feed is told of its own changes, and each policy hangs on one.
void refuse_doubles(const Config& config, const FeedConfig& feed, Section& section) {
  for (const FeedConfig& other : config.feeds) {
    if (other.source == feed.source && told_by(other) == told_by(feed)) {
      const std::string key(told_by(feed).first);
      section.fail(key, "is that of feed \"" + other.name +
                            "\" too: one of the two would be told; make it one feed, or name "
                            "another " +
                            key);
    }
    for (const std::string& policy : feed.cover.policies) {
      if (std::ranges::count(other.cover.policies, policy) == 0) continue;
      section.fail("policies",
                   "policy \"" + policy + "\" is covered by feed \"" + other.name + "\" too");
    }
  }
}

void read_outbox_feed(const Config& config, const SourceConfig* source, FeedConfig& feed,
                      Section& section) {
  const bool is_postgres = std::holds_alternative<PostgresFeedOptions>(feed.options);
  std::string by;
  const bool decodes =
      is_postgres && section.choice("by", by, {"outbox", "decoding"}) && by == "decoding";
  read_times(feed, section);
  if (source != nullptr) read_tables(config, feed, section);
  if (decodes) {
    read_decoding(feed, section);
  } else {
    read_outbox(feed, section);
  }
}

}  // namespace

const PolicyConfig* find_policy(const Config& config, std::string_view name) {
  const auto found = std::ranges::find_if(
      config.policies, [name](const PolicyConfig& one) { return one.policy.name == name; });
  return found == config.policies.end() ? nullptr : &*found;
}

OutboxTable& outbox_table(FeedConfig& feed, const std::string& name) {
  std::vector<OutboxTable>& tables = outbox_of(feed).tables;
  const auto found = std::ranges::find(tables, name, &OutboxTable::table);
  return found == tables.end() ? tables.emplace_back(OutboxTable{.table = name}) : *found;
}

void read_feed(Config& config, std::string name, Section section) {
  FeedConfig feed{.name = std::move(name), .place = section.place()};
  const SourceConfig* source = read_source_of_feed(config, feed, section);
  const bool is_firestore = source != nullptr && source->kind() == "firestore";
  if (is_firestore) {
    feed.options = FirestoreFeedOptions{};
    feed.cover.bound = firestore_bound;
  }
  if (source != nullptr && source->kind() == "sqlite") feed.options = SqliteFeedOptions{};
  read_policies(config, feed, section);
  read_cover(feed, section);
  if (source != nullptr) read_snapshots_of_feed(config, feed, section);
  if (is_firestore) {
    read_firestore_feed(config, feed, section);
  } else {
    read_outbox_feed(config, source, feed, section);
  }
  refuse_doubles(config, feed, section);
  section.finish();
  config.feeds.push_back(std::move(feed));
}

}  // namespace headrace::config
