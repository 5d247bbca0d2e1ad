#include "chaos/traffic.h"

#include <poll.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "chaos/http_client.h"
#include "io/boottime.h"

namespace headrace::chaos {

namespace {

using std::chrono::milliseconds;

constexpr double zipf_exponent = 0.99;
constexpr Duration behind_max = milliseconds(200);  // Who is later has lost the rest.
constexpr milliseconds retry_after{50};
constexpr std::uint64_t waits_everywhere_one_in = 3000;  // It takes a second.

std::atomic<Duration::rep> coarse_behind_max{0};

void note_coarse_clock() {
  const Instant now = clock_now();
  const Duration::rep behind =
      (now - Instant(io::detail::read_clock(CLOCK_MONOTONIC_COARSE))).count();
  Duration::rep most = coarse_behind_max.load();
  while (behind > most && !coarse_behind_max.compare_exchange_weak(most, behind)) {
  }
}

void count(Refusals& all, const Result<HttpAnswer>& said) {
  if (!said) {
    ++all.lost;
    return;
  }
  if (all.refused++ == 0) all.first = fmt::format("{} {}", said->status, said->body);
}

void add(Refusals& all, Refusals more) {
  if (all.refused == 0) all.first = std::move(more.first);
  all.lost += more.lost;
  all.refused += more.refused;
}

From from_of(std::string_view status) {
  if (!status.contains("; hit")) return From::source;
  return status.contains("detail=store") ? From::store : From::memory;
}

}  // namespace

Duration coarse_clock_excess() noexcept {
  return std::max(Duration::zero(), Duration(coarse_behind_max.load()) - io::coarse_tick());
}

void pass_until(Instant when) {
  note_coarse_clock();
  const Duration left = when - clock_now();
  if (left <= Duration::zero()) return;
  const timespec wait{.tv_sec = left / std::chrono::seconds(1),
                      .tv_nsec = (left % std::chrono::seconds(1)).count()};
  ::ppoll(nullptr, 0, &wait, nullptr);
}

Zipf::Zipf(std::size_t entities, double exponent) {
  double sum = 0;
  for (std::size_t i = 1; i <= entities; ++i) {
    sum += 1 / std::pow(static_cast<double>(i), exponent);
    up_to_.push_back(sum);
  }
}

std::uint32_t Zipf::draw(sim::Chance& chance) const {
  const double at = static_cast<double>(chance.bits() >> 11) * 0x1p-53 * up_to_.back();
  const auto found = std::ranges::upper_bound(up_to_, at);
  return static_cast<std::uint32_t>(std::min<std::ptrdiff_t>(
      found - up_to_.begin(), static_cast<std::ptrdiff_t>(up_to_.size()) - 1));
}

bool read_one(Fleet& fleet, std::size_t place, HttpClient& client, Kept kept, std::uint32_t entity,
              Notes& notes, Refusals& refusals) {
  const HostId host = fleet.instance(place).id();
  Event event{
      .began = clock_now(), .what = What::answered, .kept = kept, .host = host, .entity = entity};
  const auto said = client.get(fmt::format("/v1/read/{}/{}", name_of(kept), entity));
  event.at = clock_now();
  if (!said || said->status != 200) {
    count(refusals, said);
    return false;
  }
  // Who has answered is known only if it was the same process all the time.
  if (host < 0 || fleet.instance(place).id() != host) return true;
  event.from = from_of(said->header("Cache-Status"));
  event.version = number_of(member_of(said->body, "version"));
  event.read = number_of(member_of(said->body, "read"));
  event.age = milliseconds(number_of(said->header("Headrace-Age-Ms")));
  notes.push_back(event);
  return true;
}

class Traffic::Client {
 public:
  Client(Traffic& traffic, Fleet& fleet, std::size_t place, double per_second, std::uint64_t seed)
      : traffic_(traffic),
        fleet_(fleet),
        place_(place),
        every_(static_cast<Duration::rep>(1e9 / per_second)),
        client_(fleet.instance(place).port()),
        chance_(seed) {}
  virtual ~Client() = default;

  void start() {
    thread_ = std::thread([this] { run(); });
  }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  Notes notes{};
  Refusals read_refusals{};
  Refusals write_refusals{};
  std::vector<std::pair<std::size_t, sim::Operation>> operations{};

 protected:
  virtual void act() = 0;

  Traffic& traffic_;
  Fleet& fleet_;
  const std::size_t place_;
  const Duration every_;
  HttpClient client_;
  sim::Chance chance_;

 private:
  void run() {
    Instant next = clock_now() + chance_.between(Duration::zero(), every_);
    while (traffic_.runs_.load()) {
      pass_until(next);
      act();
      next = std::max(next + every_, clock_now() - behind_max);
    }
  }

  std::thread thread_;
};

class Traffic::Reader final : public Client {
 public:
  Reader(Traffic& traffic, Fleet& fleet, std::size_t place, double per_second, std::uint64_t seed,
         const Zipf& zipf)
      : Client(traffic, fleet, place, per_second, seed), zipf_(zipf) {}

 private:
  void act() override {
    const std::uint64_t lot = chance_.below(100);
    const Kept kept = lot < 55 ? Kept::bounded : lot < 80 ? Kept::strict : Kept::brief;
    (void)read_one(fleet_, place_, client_, kept, zipf_.draw(chance_), notes, read_refusals);
  }

  const Zipf& zipf_;
};

class Traffic::Writer final : public Client {
 public:
  Writer(Traffic& traffic, Fleet& fleet, std::size_t place, double per_second, std::uint64_t seed,
         const Zipf& zipf)
      : Client(traffic, fleet, place, per_second, seed), zipf_(zipf) {
    for (std::size_t i = 0; i < fleet.size(); ++i) {
      others_.emplace_back(fleet.instance((place + i) % fleet.size()).port());
    }
  }

 private:
  void act() override {
    const std::uint32_t entity = zipf_.draw(chance_);
    (void)fleet_.origin().commit(entity);
    // Whoever cannot tell this instance tells the next; nobody gives up.
    for (std::size_t i = 0; !invalidate(i % fleet_.size(), entity); ++i) {
      pass_until(clock_now() + retry_after);
    }
  }
  [[nodiscard]] bool invalidate(std::size_t nearest, std::uint32_t entity) {
    Instance& at = fleet_.instance((place_ + nearest) % fleet_.size());
    std::string body = chance_.percent(50)
                           ? fmt::format(R"({{"tags":["e:{}"]}})", entity)
                           : fmt::format(R"({{"keys":[{{"policy":"bounded","entity":"{0}"}},)"
                                         R"({{"policy":"strict","entity":"{0}"}}]}})",
                                         entity);
    if (chance_.below(waits_everywhere_one_in) == 0) body.insert(1, R"("wait":"everywhere",)");
    const HostId host = at.id();
    Event event{.began = clock_now(),
                .what = What::invalidated,
                .host = host,
                .entity = entity,
                .version = fleet_.origin().latest(entity)};
    const auto said = others_[nearest].ask("POST", "/v1/invalidate", body);
    event.at = clock_now();
    if (!said || said->status >= 300) {
      count(write_refusals, said);
      return false;
    }
    const std::string_view held = member_of(said->body, "held");
    event.told = held == "everywhere" ? Told::everywhere
                 : held == "soon"     ? Told::soon
                                      : Told::pending;
    // If it died meanwhile, nobody knows who is held to it; it is said once more.
    if (host < 0 || at.id() != host) return false;
    notes.push_back(event);
    return true;
  }

  const Zipf& zipf_;
  std::vector<HttpClient> others_;  // The first is its own instance.
};

class Traffic::Registrar final : public Client {
 public:
  using Client::Client;

 private:
  void act() override {
    const std::size_t one = chance_.below(fleet_.options().registers);
    chance_.percent(35) ? write(one) : read(one);
  }

  void read(std::size_t one) {
    sim::Operation operation{.began = clock_now()};
    const auto said = client_.get(fmt::format("/v1/read/register/{}", one));
    operation.ended = clock_now();
    if (!said || said->status != 200) return count(read_refusals, said);
    operation.version = number_of(member_of(said->body, "version"));
    operations.emplace_back(one, operation);
  }

  void write(std::size_t one) {
    sim::Operation operation{
        .is_write = true, .version = traffic_.last_version_.fetch_add(1) + 1, .began = clock_now()};
    const auto said = client_.ask("PATCH", fmt::format("/v1/source/register/{}", one),
                                  fmt::format(R"({{"version":{}}})", operation.version));
    const bool is_made = said && said->status == 200;
    if (!is_made) count(write_refusals, said);
    if (said && member_of(said->body, "code") == "store-unavailable") return;  // Nothing changed.
    if (is_made && member_of(said->body, "held") != "pending") operation.ended = clock_now();
    operations.emplace_back(one, operation);
  }
};

Traffic::Traffic(Fleet& fleet, const TrafficOptions& options)
    : zipf_(fleet.options().entities, zipf_exponent), registers_(fleet.options().registers) {
  std::uint64_t seed = options.seed * 1000;
  const auto share = [&](double all, std::size_t clients) {
    return all / static_cast<double>(clients * fleet.size());
  };
  for (std::size_t place = 0; place < fleet.size(); ++place) {
    for (std::size_t i = 0; i < options.readers; ++i) {
      clients_.push_back(std::make_unique<Reader>(
          *this, fleet, place, share(options.reads_per_second, options.readers), ++seed, zipf_));
    }
    for (std::size_t i = 0; i < options.writers; ++i) {
      clients_.push_back(std::make_unique<Writer>(
          *this, fleet, place, share(options.writes_per_second, options.writers), ++seed, zipf_));
    }
    if (fleet.options().registers == 0) continue;
    clients_.push_back(std::make_unique<Registrar>(*this, fleet, place,
                                                   share(options.registers_per_second, 1), ++seed));
  }
  for (const auto& client : clients_) client->start();
}

Traffic::~Traffic() {
  stop();
}

void Traffic::stop() {
  runs_ = false;
  for (const auto& client : clients_) {
    client->join();
    for (auto& [one, operation] : client->operations) registers_[one].push_back(operation);
    notes_.insert(notes_.end(), client->notes.begin(), client->notes.end());
    add(read_refusals_, std::move(client->read_refusals));
    add(write_refusals_, std::move(client->write_refusals));
  }
  clients_.clear();
}

}  // namespace headrace::chaos
