// Prints, as JSON, what a store and a bus on a server of Valkey cost, beside the bare server:
//
//   shared_store hit HOST:PORT [READS]          a read that the store answers, beside a GET through
//                                               the same client, and the round trips of each
//   shared_store notice HOST:PORT [SECONDS]     how long after its call an invalidation is noticed
//                                               by another engine's memory, at 10,000 keys a second
//   shared_store tag HOST:PORT [ENTRIES]        an invalidation of a tag of so many entries, beside
//                                               that of a tag of one
//
// The server is emptied.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <latch>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "headrace/bus/valkey.h"
#include "headrace/sources/function.h"
#include "headrace/stores/valkey.h"
#include "valkey/client.h"
#include "warm.h"

namespace headrace::bench {
namespace {

using Clock = std::chrono::steady_clock;

double nanoseconds_since(Clock::time_point before) {
  return std::chrono::duration<double, std::nano>(Clock::now() - before).count();
}

io::Address address_of(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  require(colon != std::string::npos, "the address is not like 127.0.0.1:6379");
  return {text.substr(0, colon), static_cast<std::uint16_t>(std::atoi(&text[colon + 1]))};
}

// The server without Headrace, through the client that the store uses.
class Bare {
 public:
  explicit Bare(const std::string& address)
      : client_(runtime(), {.to = address_of(address), .connections = 1}) {}
  ~Bare() { client_.close(); }

  Task<void> get(std::string key) {
    RespCommands commands;
    commands.add({"GET", key});
    auto calling = client_.call(std::move(commands));
    const Result<valkey::Replies> replies = co_await std::move(calling);
    require(replies && replies->values[0].text.size() == value_bytes, "a GET has failed");
  }
  std::string ask(std::initializer_list<std::string_view> words) {
    RespCommands commands;
    commands.add(words);
    const auto replies = wait(client_.call(std::move(commands)));
    require(replies && !replies->values[0].is_error(), "the server has refused a command");
    return std::string(replies->values[0].text);
  }
  // How often the server has had something to read: with one call at a time, its round trips.
  std::uint64_t round_trips() {
    const std::string stats = ask({"INFO", "stats"});
    const std::string_view name = "total_reads_processed:";
    const std::size_t at = stats.find(name);
    require(at != std::string::npos, "the server does not count its reads");
    return std::strtoull(&stats[at + name.size()], nullptr, 10);
  }

 private:
  valkey::Client client_;
};

std::shared_ptr<Source> plain_source() {
  return function_source(
      [](Fetch) -> Task<Result<Fetched>> { co_return Fetched{.payload = value()}; });
}

// An engine over the server; with no room in memory the store answers whatever it holds.
class Shared {
 public:
  Shared(const std::string& address, std::size_t bytes_max, bool with_bus, Policy policy)
      : store_(*open_valkey_store({.address = address, .connections = 1}, runtime())),
        bus_(with_bus ? *open_valkey_bus({.address = address}, runtime()) : nullptr),
        engine_({.bytes_max = bytes_max},
                {runtime(), runtime(), runtime(), store_.get(), bus_.get()}),
        policy_(*engine_.define(std::move(policy), {&bytes_codec(), [](const ValueCodec*) {}},
                                plain_source())) {}
  ~Shared() {
    wait(engine_.close());
    if (bus_) bus_->close();
    store_->close();
  }

  Task<void> read(std::string key, Origin expected) {
    AnyLookup lookup = engine_.read(policy_, key);
    const AnyResult answer = co_await std::move(lookup);
    require(answer && answer->origin() == expected, "a read was not answered from where it should");
  }
  void invalidate(Invalidation what) {
    const auto held = wait(engine_.invalidate(std::move(what)));
    require(held && *held != Held::pending, "an invalidation has failed");
  }
  [[nodiscard]] bool holds(std::string_view key) { return engine_.peek(*policy_, key).has_value(); }
  Engine& engine() { return engine_; }

 private:
  std::unique_ptr<Store> store_;
  std::unique_ptr<Bus> bus_;
  Engine engine_;
  PolicyHandle policy_;
};

// Calls `one` for 0 to count, `lanes` at a time; returns the nanoseconds of each.
double each(std::size_t count, std::size_t lanes,
            const std::function<Task<void>(std::size_t)>& one) {
  std::atomic<std::size_t> next{0};
  std::latch ended(static_cast<std::ptrdiff_t>(lanes));
  const auto lane = [](std::atomic<std::size_t>& at, std::size_t end,
                       const std::function<Task<void>(std::size_t)>& call) -> Task<void> {
    for (std::size_t i = at++; i < end; i = at++) {
      Task<void> calling = call(i);
      co_await std::move(calling);
    }
  };
  const auto before = Clock::now();
  for (std::size_t i = 0; i < lanes; ++i) {
    runtime().post([&] { start(lane(next, count, one), [&ended] { ended.count_down(); }); });
  }
  ended.wait();
  return nanoseconds_since(before) / static_cast<double>(count);
}

std::string name_of(std::size_t i) {
  return "user:" + std::to_string(i);
}

int hit(const std::string& address, std::size_t reads) {
  constexpr std::size_t keys = 1000, lanes = 64, counted = 1000;
  Bare bare(address);
  bare.ask({"FLUSHALL"});
  Shared shared(address, 1, false, plain_policy());
  const std::string plain = value();
  for (std::size_t i = 0; i < keys; ++i) bare.ask({"SET", name_of(i), plain});
  const auto get = [&](std::size_t i) { return bare.get(name_of(i % keys)); };
  const auto from_store = [&](std::size_t i) {
    return shared.read(name_of(i % keys), Origin::store);
  };
  const auto from_source = [&](std::size_t i) { return shared.read(name_of(i), Origin::source); };
  (void)each(1, 1, [&](std::size_t) { return shared.read("first", Origin::source); });
  const auto trips_of = [&](const std::function<Task<void>(std::size_t)>& one) {
    const std::uint64_t before = bare.round_trips();
    (void)each(counted, 1, one);
    return static_cast<double>(bare.round_trips() - before - 1) / counted;
  };
  const double miss_trips = trips_of(from_source);
  const double hit_trips = trips_of(from_store);
  std::printf("{\"hit_round_trips\": %.3f, \"miss_round_trips\": %.3f, \"rounds\": [", hit_trips,
              miss_trips);
  constexpr int rounds = 5;
  for (int round = 0; round < rounds; ++round) {
    // Who comes first finds another machine, so they take turns.
    double get_ns = 0, hit_ns = 0;
    for (const bool is_get : {round % 2 == 0, round % 2 != 0}) {
      (is_get ? get_ns : hit_ns) =
          is_get ? each(reads, lanes, get) : each(reads, lanes, from_store);
    }
    const double get_alone = each(reads / 20, 1, get);
    const double hit_alone = each(reads / 20, 1, from_store);
    std::printf(
        "%s{\"get_ns\": %.0f, \"hit_ns\": %.0f, \"ratio\": %.3f, \"get_alone_ns\": %.0f, "
        "\"hit_alone_ns\": %.0f, \"ratio_alone\": %.3f}",
        round > 0 ? ", " : "", get_ns, hit_ns, hit_ns / get_ns, get_alone, hit_alone,
        hit_alone / get_alone);
  }
  std::printf("]}\n");
  return 0;
}

void wait_until(Clock::time_point due) {
  std::latch over(1);
  runtime().post_at(runtime().now() + (due - Clock::now()), [&over] { over.count_down(); });
  over.wait();
}

int notice(const std::string& address, double seconds) {
  constexpr std::size_t keys = 10'000, keys_per_ms = 10;
  Bare(address).ask({"FLUSHALL"});
  Shared here(address, Warm::roomy, true, plain_policy());
  Shared there(address, Warm::roomy, true, plain_policy());
  // Until it has proved that it hears all, no memory answers.
  const auto warm = [&](std::size_t i) {
    const auto give_up = Clock::now() + std::chrono::seconds(10);
    while (!there.holds(name_of(i))) {
      require(Clock::now() < give_up, "the other engine keeps nothing");
      AnyLookup lookup = there.engine().read(there.engine().find("bench"), name_of(i));
      (void)wait(std::move(lookup));
    }
  };
  for (std::size_t i = 0; i < keys; ++i) warm(i);
  std::vector<double> noticed;
  std::atomic<std::size_t> done{0};
  std::size_t sent = 0, late = 0;
  const auto began = Clock::now();
  for (std::size_t ms = 0; static_cast<double>(ms) < seconds * 1000; ++ms) {
    const auto due = began + std::chrono::milliseconds(ms);
    if (Clock::now() > due + std::chrono::milliseconds(10)) ++late;
    wait_until(due);
    const std::size_t sampled = (ms * keys_per_ms) % keys;
    warm(sampled);
    const auto before = Clock::now();
    for (std::size_t i = 0; i < keys_per_ms; ++i, ++sent) {
      Invalidation what;
      what.keys.push_back({"bench", name_of((sampled + i) % keys)});
      start(here.engine().invalidate(std::move(what)), [&done](const Result<Held>& held) {
        require(held && *held != Held::pending, "an invalidation has failed");
        ++done;
      });
    }
    while (there.holds(name_of(sampled))) std::this_thread::yield();
    noticed.push_back(nanoseconds_since(before));
  }
  const double took = nanoseconds_since(began) / 1e9;
  while (done < sent) std::this_thread::yield();
  std::ranges::sort(noticed);
  const auto at = [&](double share) {
    return noticed[static_cast<std::size_t>(share * static_cast<double>(noticed.size() - 1))] / 1e6;
  };
  std::printf(
      "{\"keys_per_second\": %.0f, \"late_ticks\": %zu, \"samples\": %zu, \"p50_ms\": %.3f, "
      "\"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
      static_cast<double>(sent) / took, late, noticed.size(), at(0.5), at(0.99), at(1));
  return 0;
}

int tag(const std::string& address, std::size_t entries) {
  constexpr std::size_t tags_each = 15, lanes = 256;
  Bare(address).ask({"FLUSHALL"});
  Policy many = plain_policy("many"), one = plain_policy("one");
  for (std::size_t i = 0; i < tags_each; ++i) {
    many.tags.push_back("many" + std::to_string(i));
    one.tags.push_back("one" + std::to_string(i));
  }
  Shared of_many(address, 1, false, std::move(many));
  Shared of_one(address, 1, false, std::move(one));
  (void)each(entries, lanes,
             [&](std::size_t i) { return of_many.read(name_of(i), Origin::source); });
  (void)each(1, 1, [&](std::size_t i) { return of_one.read(name_of(i), Origin::source); });
  (void)each(1, 1, [&](std::size_t i) { return of_many.read(name_of(i), Origin::store); });
  std::vector<double> times[2];
  for (std::size_t i = 0; i < tags_each; ++i) {
    for (const bool is_many : {i % 2 == 0, i % 2 != 0}) {
      Invalidation what;
      what.tags.push_back((is_many ? "many" : "one") + std::to_string(i));
      const auto before = Clock::now();
      (is_many ? of_many : of_one).invalidate(std::move(what));
      times[is_many].push_back(nanoseconds_since(before));
    }
  }
  (void)each(1, 1, [&](std::size_t i) { return of_many.read(name_of(i), Origin::source); });
  for (auto& row : times) std::ranges::sort(row);
  const double of_entries = times[1][tags_each / 2], of_a_single = times[0][tags_each / 2];
  std::printf("{\"entries\": %zu, \"many_ns\": %.0f, \"one_ns\": %.0f, \"ratio\": %.3f}\n", entries,
              of_entries, of_a_single, of_entries / of_a_single);
  return 0;
}

int run(std::string_view what, const std::string& address, double number) {
  const auto or_else = [number](double usual) { return number > 0 ? number : usual; };
  if (what == "hit") return hit(address, static_cast<std::size_t>(or_else(200'000)));
  if (what == "notice") return notice(address, or_else(10));
  if (what == "tag") return tag(address, static_cast<std::size_t>(or_else(1'000'000)));
  std::fprintf(stderr, "shared_store: hit, notice or tag, and not \"%s\"\n",
               std::string(what).c_str());
  return 2;
}

}  // namespace
}  // namespace headrace::bench

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: shared_store hit|notice|tag HOST:PORT [NUMBER]\n");
    return 2;
  }
  return headrace::bench::run(argv[1], argv[2], argc > 3 ? std::atof(argv[3]) : 0);
}
