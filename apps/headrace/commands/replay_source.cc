#include "commands/replay_source.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "replay/firestore_backend.h"
#include "replay/sqlite_backend.h"
#include "replay/sqlite_db.h"
#include "terminal.h"

namespace headrace::app {

namespace {

namespace fs = std::filesystem;
using replay::Backend;
using replay::Mix;
using replay::SqliteDb;

constexpr std::string_view firestore = "firestore";

std::unexpected<Error> wrong_usage(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

replay::MakeProgress shown_by(Progress& bar) {
  return [&bar](std::uint64_t done, std::uint64_t all) {
    bar.show(static_cast<double>(done) / static_cast<double>(all),
             fmt::format("{} of {} entities", with_commas(done), with_commas(all)));
  };
}

std::string emulator_of(const ReplayCommand& command) {
  if (!command.emulator.empty()) return command.emulator;
  const char* named = std::getenv("FIRESTORE_EMULATOR_HOST");
  return named == nullptr ? "" : named;
}

Result<void> check_firestore(const ReplayCommand& command) {
  if (!command.urls.empty()) return wrong_usage("--source firestore is for a replay without --url");
  if (!emulator_of(command).empty()) return {};
  return wrong_usage(
      "a replay writes, and so it wants an emulator: set FIRESTORE_EMULATOR_HOST, or say "
      "--emulator HOST:PORT");
}

}  // namespace

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<std::string> TemporaryFolder::folder(std::string_view name) {
  auto path = file(name);
  std::error_code fault;
  if (!path || fs::create_directory(*path, fault)) return path;
  return failure(Code::store_unavailable, *path + ": " + fault.message());
}

Result<std::string> TemporaryFolder::file(std::string_view name) {
  std::error_code fault;
  const fs::path parent = fs::temp_directory_path(fault);
  std::string pattern = (parent / "headrace-replay-XXXXXX").string();
  if (path_.empty() && !fault && mkdtemp(pattern.data()) != nullptr) path_ = pattern;
  if (!path_.empty()) return path_ + "/" + std::string(name);
  return failure(Code::store_unavailable, "no temporary folder can be made; set TMPDIR");
}

Result<void> make_sqlite_source(const std::string& path, const replay::Population& population,
                                const std::vector<replay::Collection>& collections) {
  Progress bar("making the source");
  return SqliteDb::make(path, population, collections, shown_by(bar));
}

Result<ReplaySource> ReplaySource::of(const ReplayCommand& command, Mix& mix,
                                      TemporaryFolder& folder) {
  ReplaySource source(command, mix);
  if (command.source == firestore) {
    if (auto checked = check_firestore(command); !checked) return std::unexpected(checked.error());
    return source;
  }
  if (!command.source.empty()) {
    auto database = SqliteDb::open(command.source);
    if (!database) return wrong_usage(database.error().what);
    const auto made = (*database)->population();
    if (!made) return std::unexpected(made.error());
    if (!command.users) mix.population.users = made->users;
    if (!command.lists) mix.population.lists = made->lists;
    if (!command.shared_bytes) mix.population.shared_bytes = made->shared_bytes;
    source.files_ = {command.source};
    return source;
  }
  if (!command.urls.empty()) {
    return wrong_usage(
        "with --url say with --source which SQLite file that server reads: the replay writes to "
        "it");
  }
  auto path = folder.file("source.sqlite");
  if (!path) return std::unexpected(path.error());
  auto made = make_sqlite_source(*path, mix.population, mix.collections());
  if (!made) return std::unexpected(made.error());
  source.files_ = {*path};
  if (command.compare.empty()) return source;
  source.files_.push_back(*path + ".copy");
  std::error_code fault;
  fs::copy_file(*path, source.files_.back(), fault);
  if (fault) return failure(Code::store_unavailable, *path + ": " + fault.message());
  return source;
}

Result<std::unique_ptr<Backend>> ReplaySource::next(Runtime& runtime) {
  if (command_->source == firestore) return next_firestore(runtime);
  if (made_ == files_.size()) return failure(Code::refused, "there is no other copy of the source");
  return replay::make_sqlite_backend(files_[made_++], runtime);
}

// A project of its own for each, which the emulator keeps apart.
Result<std::unique_ptr<Backend>> ReplaySource::next_firestore(Runtime& runtime) {
  Progress bar("loading the documents");
  replay::FirestoreBackendOptions options{.emulator = emulator_of(*command_),
                                          .proxy_program = command_->proxy};
  options.project = replay::fresh_project();
  return replay::make_firestore_backend(std::move(options), mix_->population, mix_->collections(),
                                        shown_by(bar), runtime);
}

}  // namespace headrace::app
