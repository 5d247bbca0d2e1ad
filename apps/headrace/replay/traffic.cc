#include "replay/traffic.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

namespace headrace::replay {

namespace {

using namespace std::chrono_literals;

// Spreads the popular ranks over the numbers of entities, one to one.
std::uint64_t number_of(std::uint64_t rank, std::uint64_t entities) {
  constexpr std::uint64_t prime = 2'654'435'761;
  return entities % prime == 0 ? rank : (rank % entities) * (prime % entities) % entities;
}

// Different for each workload of a mix, so that their users have nothing to do with each other.
std::uint64_t seed_of(std::uint64_t seed, std::size_t workload) {
  return seed + workload * 0x9e3779b97f4a7c15ULL;
}

}  // namespace

Duration Chance::between(Duration low, Duration high) {
  const auto span = static_cast<double>((high - low).count());
  return low + Duration(static_cast<std::int64_t>(unit() * span));
}

Duration Chance::until_next(double per_second) {
  return Duration(static_cast<std::int64_t>(-std::log(1.0 - unit()) / per_second * 1e9));
}

Popularity::Popularity(std::uint64_t entities, double zipf, double missing_share)
    : entities_(entities),
      missing_(std::max<std::uint64_t>(entities / 10, 1)),
      missing_share_(missing_share),
      up_to_(entities) {
  double sum = 0;
  for (std::uint64_t rank = 0; rank < entities_; ++rank) {
    sum += std::pow(static_cast<double>(rank + 1), -zipf);
    up_to_[rank] = sum;
  }
  for (double& share : up_to_) share /= sum;
}

std::uint64_t Popularity::number(Chance& chance) const {
  const auto found = std::ranges::lower_bound(up_to_, chance.unit());
  const auto rank = static_cast<std::uint64_t>(found - up_to_.begin());
  return number_of(std::min(rank, entities_ - 1), entities_);
}

std::uint64_t Popularity::number_or_missing(Chance& chance) const {
  if (chance.unit() >= missing_share_) return number(chance);
  return entities_ + chance.below(missing_);
}

Popularities popularities_of(const Mix& mix) {
  std::map<std::tuple<std::uint64_t, double, double>, std::shared_ptr<const Popularity>> made;
  Popularities all;
  for (const Workload& workload : mix.workloads) {
    const std::uint64_t entities = workload.entities(mix.population);
    auto& one = made[{entities, workload.zipf, workload.missing_share}];
    if (!one) {
      one = std::make_shared<Popularity>(entities, workload.zipf, workload.missing_share);
    }
    all.push_back(one);
  }
  return all;
}

Visits::Visits(Workload workload, std::shared_ptr<const Popularity> popularity, std::uint64_t seed)
    : workload_(std::move(workload)), chance_(seed), popularity_(std::move(popularity)) {
  if (workload_.shape != Shape::streams) return;
  const auto streams = static_cast<std::size_t>(std::max(std::round(workload_.actors), 1.0));
  for (std::size_t i = 0; i < streams; ++i) {
    const Duration length = chance_.between(workload_.stream_min, workload_.stream_max);
    const double place = (static_cast<double>(i) + 0.5) / static_cast<double>(streams);
    const double rate =
        place < workload_.busy_share ? workload_.busy_reads_per_second : workload_.reads_per_second;
    const Duration interval(static_cast<std::int64_t>(1e9 / rate));
    // Met in the midst of it: some streams end soon, others go on for hours.
    streams_.push({.at = chance_.between(0ns, interval),
                   .ends = chance_.between(0ns, length),
                   .interval = interval,
                   .number = popularity_->number_or_missing(chance_)});
  }
}

std::uint64_t Visits::choices() const {
  return workload_.questions.empty() ? workload_.names : workload_.questions.size();
}

Visit Visits::next() {
  return workload_.shape == Shape::streams ? next_of_streams() : next_connect();
}

Visit Visits::next_of_streams() {
  Stream stream = streams_.top();
  streams_.pop();
  if (stream.at >= stream.ends) {
    stream.number = popularity_->number_or_missing(chance_);
    stream.ends = stream.at + chance_.between(workload_.stream_min, workload_.stream_max);
  }
  Visit visit{.at = stream.at, .number = stream.number};
  if (workload_.together) {
    for (std::uint8_t i = 0; i < workload_.questions.size(); ++i) visit.questions.push_back(i);
  } else {
    const std::uint64_t question = chance_.below(choices());
    visit.questions.push_back(static_cast<std::uint8_t>(question));
  }
  stream.at += stream.interval;
  streams_.push(stream);
  return visit;
}

Visit Visits::next_connect() {
  now_ += chance_.until_next(workload_.actors);
  Visit visit{.at = now_, .number = popularity_->number_or_missing(chance_)};
  const std::size_t reads =
      workload_.reads_min + chance_.below(workload_.reads_max - workload_.reads_min + 1);
  // Each question once, then those that are asked again.
  const std::size_t questions = workload_.questions.size();
  for (std::size_t i = 0; i < reads; ++i) {
    const std::uint64_t question = i < questions ? i : chance_.below(choices());
    visit.questions.push_back(static_cast<std::uint8_t>(question));
  }
  return visit;
}

Traffic::Traffic(const Mix& mix, const Popularities& popularities, std::uint64_t seed) {
  for (std::size_t i = 0; i < mix.workloads.size(); ++i) {
    visits_.emplace_back(mix.workloads[i], popularities[i], seed_of(seed, i));
    ahead_.push_back(visits_.back().next());
    ahead_.back().workload = i;
  }
}

Visit Traffic::next() {
  const auto soonest = std::ranges::min_element(ahead_, {}, &Visit::at);
  const std::size_t workload = soonest->workload;
  Visit visit = std::exchange(*soonest, visits_[workload].next());
  soonest->workload = workload;
  return visit;
}

Edits::Edits(const Mix& mix, Popularities popularities, std::uint64_t seed, std::size_t writer,
             std::size_t writers)
    : popularities_(std::move(popularities)), chance_(~(seed * 1000 + writer)) {
  for (std::size_t i = 0; i < mix.workloads.size(); ++i) {
    const std::vector<EditRate>& rates = mix.workloads[i].edits;
    for (std::size_t kind = 0; kind < rates.size(); ++kind) {
      if (rates[kind].per_second <= 0) continue;
      per_second_ += rates[kind].per_second / static_cast<double>(writers);
      kinds_.push_back({.workload = i,
                        .kind = kind,
                        .collection = rates[kind].collection,
                        .up_to = per_second_});
    }
  }
}

Edit Edits::next() {
  if (kinds_.empty()) return {.at = Duration::max()};
  now_ += chance_.until_next(per_second_);
  const double drawn = chance_.unit() * per_second_;
  const auto found = std::ranges::upper_bound(kinds_, drawn, {}, &Kind::up_to);
  const Kind& kind = found == kinds_.end() ? kinds_.back() : *found;
  const std::uint64_t number = popularities_[kind.workload]->number_or_missing(chance_);
  return {.at = now_,
          .workload = kind.workload,
          .kind = kind.kind,
          .entity = {kind.collection, number}};
}

}  // namespace headrace::replay
