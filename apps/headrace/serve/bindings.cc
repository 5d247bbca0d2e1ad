#include "serve/bindings.h"

#include <algorithm>

#include "headrace/sources/firestore.h"
#include "headrace/sources/http.h"
#include "headrace/sources/postgres.h"
#include "headrace/sources/sqlite.h"
#include "serve/firestore_texts.h"
#include "serve/passwords.h"

namespace headrace::app {

namespace {

using config::ConfigError;
using config::Place;
using SqlitePointer = std::shared_ptr<SqliteDatabase>;
using HttpPointer = std::shared_ptr<HttpOrigin>;
using FirestorePointer = std::shared_ptr<FirestoreDatabase>;
using PostgresPointer = std::shared_ptr<PostgresDatabase>;
using Where = std::variant<SqlitePointer, HttpPointer, FirestorePointer, PostgresPointer>;

ConfigError fault_at(const std::string& file, Place place, std::string text) {
  return {.file = file, .line = place.line, .column = place.column, .text = std::move(text)};
}

std::shared_ptr<const ValueCodec> shared_bytes_codec() {
  // Lives as long as the program: nothing is owned.
  return {std::shared_ptr<const ValueCodec>(), &bytes_codec()};
}

std::string open_advice(const config::SourceConfig& source) {
  if (source.kind() == "firestore") return "";  // It names the key itself.
  if (source.kind() == "postgres") return "; check `connection` and `password_file`";
  return source.kind() == "sqlite" ? "; check `path`: the file must exist and be readable"
                                   : "; check `url`";
}

Result<PostgresPointer> open_postgres(const config::PostgresSourceConfig& source,
                                      Runtime& runtime) {
  PostgresDatabaseOptions options = source.options;
  auto password = first_line_of(source.password_file);
  if (!password) return std::unexpected(password.error());
  options.password = std::move(*password);
  return open_postgres_database(std::move(options), runtime, runtime);
}

Result<Where> open_place(const config::SourceConfig& source, Runtime& runtime) {
  if (const auto* sqlite = std::get_if<SqliteDatabaseOptions>(&source.options)) {
    return open_sqlite_database(*sqlite, runtime, runtime);
  }
  if (const auto* postgres = std::get_if<config::PostgresSourceConfig>(&source.options)) {
    return open_postgres(*postgres, runtime);
  }
  if (const auto* firestore = std::get_if<FirestoreDatabaseOptions>(&source.options)) {
    return open_firestore_database(*firestore, runtime, runtime, runtime);
  }
  return open_http_origin(std::get<HttpOriginOptions>(source.options), runtime);
}

Result<std::shared_ptr<Source>> ask(const FirestorePointer& database,
                                    const config::FirestoreTexts& texts) {
  Result<FirestoreQuestion> question = question_of(texts);
  if (!question) return std::unexpected(std::move(question.error()));
  return ask_firestore(database, std::move(*question));
}

Result<std::shared_ptr<Source>> ask(const config::PolicyConfig& policy, const Where& where) {
  if (const auto* sqlite = std::get_if<SqlitePointer>(&where)) {
    return ask_sqlite(*sqlite, std::get<SqlQuestion>(policy.question));
  }
  if (const auto* postgres = std::get_if<PostgresPointer>(&where)) {
    return ask_postgres(*postgres, std::get<SqlQuestion>(policy.question));
  }
  if (const auto* http = std::get_if<HttpPointer>(&where)) {
    return ask_http(*http, std::get<HttpQuestion>(policy.question));
  }
  return ask(std::get<FirestorePointer>(where), std::get<config::FirestoreTexts>(policy.question));
}

}  // namespace

const Bindings::Opened* Bindings::find_opened(std::string_view name) const noexcept {
  const auto found = std::ranges::find_if(
      opened_, [name](const Opened& opened) { return opened.config.name == name; });
  return found == opened_.end() ? nullptr : &*found;
}

const Bindings::Bound* Bindings::find_bound(std::string_view name) const noexcept {
  const auto found = std::ranges::find_if(
      bound_, [name](const Bound& bound) { return bound.config.policy.name == name; });
  return found == bound_.end() ? nullptr : &*found;
}

Result<void> Bindings::open_source(const config::SourceConfig& source, Runtime& runtime,
                                   const Bindings* before) {
  const Opened* same = before == nullptr ? nullptr : before->find_opened(source.name);
  if (same != nullptr && same->config.reads_like(source)) {
    opened_.push_back({.config = source, .where = same->where});
    ++kept_;
    return {};
  }
  Result<Where> opened = open_place(source, runtime);
  if (!opened) return std::unexpected(opened.error());
  opened_.push_back({.config = source, .where = std::move(*opened)});
  return {};
}

Result<void> Bindings::bind(const config::PolicyConfig& policy, Role role, const Bindings* before) {
  if (role == Role::revisions) {
    bound_.push_back({.config = policy, .source = nullptr, .role = role});
    return {};
  }
  const Opened* opened = find_opened(policy.source);
  if (opened == nullptr) return {};  // Its own fault has been told.
  const Bound* same = before == nullptr ? nullptr : before->find_bound(policy.policy.name);
  const Opened* opened_before = same == nullptr ? nullptr : before->find_opened(policy.source);
  if (same != nullptr && same->config == policy && same->role == role && opened_before != nullptr &&
      opened_before->where == opened->where) {
    bound_.push_back({.config = policy, .source = same->source, .role = role});
    return {};
  }
  Result<std::shared_ptr<Source>> source = ask(policy, opened->where);
  if (!source) return std::unexpected(source.error());
  bound_.push_back({.config = policy, .source = std::move(*source), .role = role});
  return {};
}

void Bindings::bind_all(const config::Config& config, const std::string& file,
                        const Bindings* before, Faults& faults) {
  const auto bind_one = [&](const config::PolicyConfig& policy, Role role) {
    const Result<void> bound = bind(policy, role, before);
    if (bound) return;
    faults.push_back(fault_at(file, policy.place,
                              (role == Role::policy ? "policies." : "snapshots.") +
                                  policy.policy.name + ": " + bound.error().what));
  };
  for (const config::PolicyConfig& policy : config.policies) bind_one(policy, Role::policy);
  for (const config::SnapshotConfig& snapshot : config.snapshots) {
    for (const config::SnapshotSectionConfig& section : snapshot.sections) {
      bind_one(section.policy, Role::section);
    }
    if (snapshot.vector) bind_one(*snapshot.vector, Role::revisions);
  }
}

std::expected<Bindings, Bindings::Faults> Bindings::open(const config::Config& config,
                                                         const std::string& file, Runtime& runtime,
                                                         const Bindings* before) {
  Bindings bindings;
  Faults faults;
  if (config.all_policies().size() > config.engine.policies_max) {
    faults.push_back(fault_at(file, {}, "more policies than policies_max"));
  }
  for (const config::SourceConfig& source : config.sources) {
    if (auto opened = bindings.open_source(source, runtime, before); !opened) {
      faults.push_back(
          fault_at(file, source.place,
                   "sources." + source.name + ": " + opened.error().what + open_advice(source)));
    }
  }
  bindings.bind_all(config, file, before, faults);
  if (!faults.empty()) return std::unexpected(std::move(faults));
  return bindings;
}

Result<void> Bindings::define_all(Engine& engine, const Bindings* before) const {
  for (const Bound& bound : bound_) {
    const Bound* same = before == nullptr ? nullptr : before->find_bound(bound.config.policy.name);
    const bool is_same = same != nullptr && same->source == bound.source &&
                         same->role == bound.role && same->config == bound.config;
    if (is_same) continue;
    auto defined =
        engine.define(bound.config.policy, shared_bytes_codec(), bound.asked_by_engine());
    if (!defined) return std::unexpected(defined.error());
  }
  return {};
}

Result<void> Bindings::apply(Engine& engine, const Bindings* before) const {
  if (auto defined = define_all(engine, before); !defined) {
    for (const Bound& bound : bound_) {
      const Bound* was = before == nullptr ? nullptr : before->find_bound(bound.config.policy.name);
      if (was == nullptr) {
        engine.undefine(bound.config.policy.name);
      } else {
        // It was accepted before, so it is accepted now.
        (void)engine.define(was->config.policy, shared_bytes_codec(), was->asked_by_engine());
      }
    }
    return defined;
  }
  if (before == nullptr) return {};
  for (const Bound& was : before->bound_) {
    if (find_bound(was.config.policy.name) == nullptr) engine.undefine(was.config.policy.name);
  }
  return {};
}

std::shared_ptr<Revisions> Bindings::revisions_of(std::string_view source) const {
  const Opened* opened = find_opened(source);
  if (opened == nullptr) return nullptr;
  if (const auto* sqlite = std::get_if<SqlitePointer>(&opened->where)) {
    return headrace::revisions_of(*sqlite);
  }
  if (const auto* firestore = std::get_if<FirestorePointer>(&opened->where)) {
    return headrace::revisions_of(*firestore);
  }
  const auto* postgres = std::get_if<PostgresPointer>(&opened->where);
  return postgres == nullptr ? nullptr : headrace::revisions_of(*postgres);
}

std::shared_ptr<Source> Bindings::source_of(std::string_view policy) const {
  const Bound* bound = find_bound(policy);
  return bound == nullptr ? nullptr : bound->source;
}

std::string Bindings::identity_of(std::string_view source) const {
  const Opened* opened = find_opened(source);
  if (opened == nullptr) return "";
  if (const auto* sqlite = std::get_if<SqlitePointer>(&opened->where)) {
    return headrace::identity_of(**sqlite);
  }
  const auto* postgres = std::get_if<PostgresPointer>(&opened->where);
  return postgres == nullptr ? "" : headrace::identity_of(**postgres);
}

// Whether a snapshot's sections have the same sources here and there, and its parts too.
bool Bindings::binds_alike(const config::SnapshotConfig& snapshot, const Bindings& other) const {
  for (const config::SnapshotSectionConfig& section : snapshot.sections) {
    const Bound* here = find_bound(section.policy.policy.name);
    const Bound* there = other.find_bound(section.policy.policy.name);
    if (here == nullptr || there == nullptr || here->source != there->source) return false;
  }
  const std::string_view source = snapshot.source_of_parts();
  const Opened* here = find_opened(source);
  const Opened* there = other.find_opened(source);
  if (here == nullptr || there == nullptr) return source.empty();
  return here->where == there->where;
}

Result<http::Snapshots> Bindings::snapshots(const config::Config& config, Engine& engine,
                                            Runtime& runtime, const SnapshotsBefore* before) const {
  http::Snapshots all;
  for (const config::SnapshotConfig& one : config.snapshots) {
    const bool is_kept = before != nullptr && std::ranges::count(before->configs, one) > 0 &&
                         before->snapshots.contains(one.name) && binds_alike(one, before->bindings);
    if (is_kept) {
      all.emplace(one.name, before->snapshots.at(one.name));
      continue;
    }
    SnapshotOptions options{.name = one.name,
                            .stale_for = one.stale_for,
                            .check_within = one.check_within,
                            .vector = one.vector ? engine.find(one.vector->policy.name) : nullptr};
    for (const config::SnapshotSectionConfig& section : one.sections) {
      const std::string& policy = section.policy.policy.name;
      const Bound* bound = find_bound(policy);
      options.sections.push_back({.name = section.name,
                                  .policy = engine.find(policy),
                                  .source = bound == nullptr ? nullptr : bound->source,
                                  .parts = section.parts});
    }
    auto made = Snapshot::make(std::move(options), {engine, runtime, runtime},
                               revisions_of(one.source_of_parts()));
    if (!made) {
      return failure(made.error().code, "snapshots." + one.name + ": " + made.error().what);
    }
    all.emplace(one.name, std::move(*made));
  }
  return all;
}

}  // namespace headrace::app
