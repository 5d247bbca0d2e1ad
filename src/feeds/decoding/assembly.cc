// An update tells the old row as far as the table's replica identity has it: of the identity FULL
// all of it, else the primary key, and that only where it has changed.  So which columns have other
// values than before, and which values there were, can be told of FULL alone.  What is not known
// is told as more: a key that is not there as any, values that are not complete as none.
#include "feeds/decoding/assembly.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "headrace/feeds/decoding.h"
#include "headrace/key.h"

namespace headrace::postgres::decoding {

namespace {

constexpr std::size_t relations_max = 4096;

Error damaged(std::string what) {
  return {.code = Code::damaged, .what = "PostgreSQL's stream: " + std::move(what)};
}

std::optional<std::size_t> place_of(const std::vector<std::string>& names, std::string_view name) {
  const auto found = std::ranges::find(names, name);
  if (name.empty() || found == names.end()) return std::nullopt;
  return static_cast<std::size_t>(found - names.begin());
}

using Changes = std::optional<std::vector<SourceChange>>;

// One change of a row, and how its table is to be told.
class RowTelling {
 public:
  RowTelling(const Table& table, const std::vector<std::string>& columns,
             const std::vector<bool>& identity, const RowChange& change)
      : table_(table),
        columns_(columns),
        change_(change),
        key_(place_of(columns, table.key)),
        names_key_(key_ && identity[*key_]) {}

  // None: it is told as a change of any member.
  [[nodiscard]] Changes changes() const {
    if (!key_) return std::nullopt;
    if (change_.is_insert) return one(text_of((*row())[*key_]), nullptr, row());
    // What there was before is named by the identity, and an update tells that only if it changed.
    if (!names_key_) return std::nullopt;
    if (!change_.before) return one(text_of((*row())[*key_]), nullptr, nullptr);
    const std::optional<std::string> before = text_of(change_.before->values[*key_]);
    if (!change_.since) return one(before, whole_before(), nullptr);
    const bool is_same = (*row())[*key_].kind == Value::Kind::unchanged;
    return updated(before, is_same ? before : text_of((*row())[*key_]));
  }

 private:
  [[nodiscard]] const Tuple* row() const { return &*change_.since; }
  [[nodiscard]] const Tuple* whole_before() const {
    return change_.before->is_whole ? &change_.before->values : nullptr;
  }
  // Nobody can have asked for a longer one.
  static std::optional<std::string> text_of(const Value& value) {
    const bool is_key = value.kind == Value::Kind::text && value.text.size() <= entity_bytes_max;
    return is_key ? std::optional(std::string(value.text)) : std::nullopt;
  }

  [[nodiscard]] Changes one(const std::optional<std::string>& key, const Tuple* before,
                            const Tuple* since) const {
    if (!key) return std::nullopt;
    return std::vector{change_of(*key, before, since)};
  }
  [[nodiscard]] Changes updated(const std::optional<std::string>& before,
                                const std::optional<std::string>& since) const {
    if (!before || !since) return std::nullopt;
    const Tuple* const old = whole_before();
    const Tuple* const now = old != nullptr ? row() : nullptr;
    if (*before != *since) {
      return std::vector{change_of(*before, old, nullptr), change_of(*since, nullptr, now)};
    }
    SourceChange change = change_of(*since, old, now);
    if (old == nullptr) return std::vector{std::move(change)};
    std::vector<std::string> fields = fields_that_differ(*old, *now);
    if (fields.empty()) return std::vector<SourceChange>{};
    if (table_.tells_fields) change.fields = std::move(fields);
    return std::vector{std::move(change)};
  }

  [[nodiscard]] std::vector<std::string> fields_that_differ(const Tuple& old,
                                                            const Tuple& now) const {
    std::vector<std::string> fields;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const Value& before = old[i];
      const Value& since = now[i];
      if (since.kind == Value::Kind::unchanged) continue;
      if (since.kind != before.kind || since.text != before.text) fields.push_back(columns_[i]);
    }
    return fields;
  }

  [[nodiscard]] SourceChange change_of(std::string key, const Tuple* before,
                                       const Tuple* since) const {
    SourceChange change{.collection = table_.collection, .entity = std::move(key)};
    for (const std::string& name : table_.values) {
      const auto place = place_of(columns_, name);
      if (!place) continue;
      for (const Tuple* const row : {before, since}) {
        if (row == nullptr) continue;
        const Value& value = (*row)[*place];
        if (value.kind != Value::Kind::text) continue;  // What is unchanged is in the old row.
        if (value.text.size() > outbox_value_bytes_max) continue;
        std::pair<std::string, std::string> one(name, value.text);
        if (std::ranges::count(change.values, one) == 0) change.values.push_back(std::move(one));
      }
    }
    return change;
  }

  const Table& table_;
  const std::vector<std::string>& columns_;
  const RowChange& change_;
  const std::optional<std::size_t> key_;
  const bool names_key_;  // The identity has it.
};

}  // namespace

Result<std::optional<Transaction>> Assembly::take(const Message& message) {
  std::optional<Error> fault;
  if (const auto* commit = std::get_if<Commit>(&message)) {
    if (!open_ || open_->commit != commit->commit) {
      return std::unexpected(damaged("a commit of no transaction that has begun"));
    }
    return complete();
  }
  if (const auto* begin = std::get_if<Begin>(&message)) fault = on(*begin);
  if (const auto* relation = std::get_if<Relation>(&message)) fault = on(*relation);
  if (const auto* change = std::get_if<RowChange>(&message)) fault = on(*change);
  if (const auto* truncate = std::get_if<Truncate>(&message)) fault = on(*truncate);
  if (fault) return std::unexpected(*std::move(fault));
  return std::nullopt;
}

std::optional<Error> Assembly::on(const Begin& begin) {
  if (open_) return damaged("a transaction begins within another");
  if (begin.commit <= last_commit_) return damaged("its transactions are not in order");
  last_commit_ = begin.commit;
  open_ = Transaction{
      .number = begin.transaction, .commit = begin.commit, .committed_at = begin.committed_at};
  return std::nullopt;
}

std::optional<Error> Assembly::on(const Relation& relation) {
  Known known;
  known.collection = std::string(relation.schema.empty() ? "pg_catalog" : relation.schema) + "." +
                     std::string(relation.name);
  for (const Relation::Column& column : relation.columns) {
    known.columns.emplace_back(column.name);
    known.identity.push_back(column.is_identity);
  }
  known_.insert_or_assign(relation.id, std::move(known));
  if (known_.size() > relations_max) return damaged("it tells of too many tables");
  return std::nullopt;
}

std::optional<Error> Assembly::on(const RowChange& change) {
  const auto known = known_.find(change.relation);
  if (!open_ || known == known_.end()) return damaged("a change of nothing that it has named");
  const std::size_t columns = known->second.columns.size();
  if ((change.since && change.since->size() != columns) ||
      (change.before && change.before->values.size() != columns)) {
    return damaged("a row that has not the columns of its table");
  }
  Part& part = part_of(change.relation);
  if (part.is_any) return std::nullopt;
  const Table* const table = table_of(change.relation);
  const Changes changes =
      table == nullptr
          ? std::nullopt
          : RowTelling(*table, known->second.columns, known->second.identity, change).changes();
  part.is_any = !changes || ++part.rows > rows_max_;
  if (part.is_any) {
    part.changes = {};
  } else {
    std::ranges::copy(*changes, std::back_inserter(part.changes));
  }
  return std::nullopt;
}

std::optional<Error> Assembly::on(const Truncate& truncate) {
  for (const std::uint32_t relation : truncate.relations) {
    if (!open_ || !known_.contains(relation)) return damaged("a TRUNCATE of nothing it has named");
    Part& part = part_of(relation);
    part.is_any = true;
    part.changes = {};
  }
  return std::nullopt;
}

const Table* Assembly::table_of(std::uint32_t relation) const {
  const auto found = std::ranges::find_if(tables_, [relation](const Table& table) {
    return std::ranges::count(table.oids, relation) > 0;
  });
  return found == tables_.end() ? nullptr : &*found;
}

Assembly::Part& Assembly::part_of(std::uint32_t relation) {
  const Table* const table = table_of(relation);
  const std::string& name = table == nullptr ? known_[relation].collection : table->collection;
  const auto found = std::ranges::find(parts_, name, &Part::collection);
  return found == parts_.end() ? parts_.emplace_back(Part{.collection = name}) : *found;
}

Transaction Assembly::complete() {
  Transaction whole = *std::exchange(open_, std::nullopt);
  for (Part& part : std::exchange(parts_, {})) {
    if (part.is_any) part.changes = {{.collection = part.collection}};
    for (SourceChange& change : part.changes) {
      change.database = database_;
      whole.changes.push_back(std::move(change));
    }
  }
  return whole;
}

}  // namespace headrace::postgres::decoding
