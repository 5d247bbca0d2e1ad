#include "replay/firestore_backend.h"

#include <map>
#include <utility>

#include "headrace/sources/firestore.h"
#include "replay/firestore_db.h"
#include "replay/proxy_process.h"

namespace headrace::replay {

namespace {

class FirestoreBackend final : public Backend {
 public:
  FirestoreBackend(FirestoreBackendOptions options, Runtime& runtime)
      : options_(std::move(options)), runtime_(runtime) {}

  std::string name() const override {
    return options_.proxy_program.empty() ? "Firestore emulator"
                                          : "Firestore emulator behind a counting proxy";
  }

  Result<std::unique_ptr<SourceDb>> open() override {
    return open_firestore_db({.emulator = options_.emulator, .project = options_.project});
  }

  Result<std::shared_ptr<Source>> ask(const Question& question) override {
    auto database = database_with(question.source_min, question.source_max);
    if (!database) return std::unexpected(database.error());
    const CollectionShape& shape = shape_of(question.collection);
    FirestoreQuestion asked{.collection = std::string(shape.name), .fields = question.fields};
    if (shape.is_list) {
      asked.asks = FirestoreQuestion::Asks::query;
      asked.where = {{.field = shape.fields.front(), .op = "==", .is_entity = true}};
    }
    return ask_firestore(std::move(*database), std::move(asked));
  }

  Result<std::optional<OutsideCount>> outside_count() override {
    if (options_.proxy_program.empty()) return std::optional<OutsideCount>{};
    OutsideCount count{.counted_by = "the proxy in front of the emulator"};
    for (auto& [latency, way] : ways_) {
      const auto reads = way.proxy->billed_reads();
      if (!reads) return std::unexpected(reads.error());
      count.documents += *reads;
    }
    return std::optional(std::move(count));
  }

 private:
  // How sources of one latency get to the emulator.
  struct Way {
    std::unique_ptr<ProxyProcess> proxy{};
    std::shared_ptr<FirestoreDatabase> database{};
  };

  Result<std::shared_ptr<FirestoreDatabase>> database_with(Duration min, Duration max) {
    constexpr std::size_t calls_max = 4096;  // Those that wait for a late answer count as well.
    if (const auto found = ways_.find({min, max}); found != ways_.end()) {
      return found->second.database;
    }
    Way way;
    std::string address = options_.emulator;
    if (!options_.proxy_program.empty()) {
      auto proxy = ProxyProcess::start({.program = options_.proxy_program,
                                        .upstream = options_.emulator,
                                        .latency_min = min,
                                        .latency_max = max});
      if (!proxy) return std::unexpected(proxy.error());
      way.proxy = std::move(*proxy);
      address = way.proxy->address();
    }
    auto opened = open_firestore_database(
        {.project = options_.project, .emulator = address, .calls_max = calls_max}, runtime_,
        runtime_, runtime_);
    if (!opened) return opened;
    way.database = *opened;
    ways_.emplace(std::pair(min, max), std::move(way));
    return opened;
  }

  FirestoreBackendOptions options_;
  Runtime& runtime_;
  std::map<std::pair<Duration, Duration>, Way> ways_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_firestore_backend(FirestoreBackendOptions options,
                                                        const Population& population,
                                                        const std::vector<Collection>& collections,
                                                        const MakeProgress& progress,
                                                        Runtime& runtime) {
  const FirestorePlace place{.emulator = options.emulator, .project = options.project};
  auto made = make_firestore_source(place, population, collections, progress);
  if (!made) return std::unexpected(made.error());
  return std::make_unique<FirestoreBackend>(std::move(options), runtime);
}

}  // namespace headrace::replay
