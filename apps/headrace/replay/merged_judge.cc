#include "replay/merged_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <utility>

namespace headrace::replay {

namespace {

constexpr std::array<std::uint64_t, 4> sizes = {10, 100, 1'000, 10'000};
constexpr std::uint64_t block = 11'110;  // Their sum.
constexpr std::array<const char*, 3> names_of_layers = {"everybody", "domain", "user"};
constexpr unsigned layer_shift = 60;

// What a merged value says.
struct Said {
  std::array<std::uint64_t, 3> versions{};  // 0: the layer is not in it.
  std::string by{};
};

std::optional<Said> said_in(const std::string& merged) {
  boost::system::error_code fault;
  const boost::json::value value = boost::json::parse(merged, fault);
  if (fault || !value.is_object()) return {};
  Said said;
  for (std::size_t i = 0; i < said.versions.size(); ++i) {
    const boost::json::value* version = value.as_object().if_contains(names_of_layers[i]);
    if (version == nullptr) continue;
    if (!version->is_int64() || version->as_int64() <= 0) return {};
    said.versions[i] = static_cast<std::uint64_t>(version->as_int64());
  }
  const boost::json::value* by = value.as_object().if_contains("by");
  if (by == nullptr || !by->is_string()) return {};
  said.by = std::string(by->as_string());
  return said;
}

// Who speaks last among the layers that are there.
std::string_view last_of(const Said& said, std::int64_t domain_rank) {
  const std::array<std::int64_t, 3> ranks = {0, domain_rank, 20};
  std::size_t last = 0;
  for (std::size_t i = 1; i < ranks.size(); ++i) {
    if (said.versions[i] > 0 && ranks[i] > ranks[last]) last = i;
  }
  return names_of_layers[last];
}

}  // namespace

MergedJudge::MergedJudge(std::uint64_t names)
    : names_(names), versions_([this](std::uint64_t thing) {
        const std::uint64_t row = thing & ((std::uint64_t{1} << layer_shift) - 1);
        return first_version(static_cast<Layer>(thing >> layer_shift), row);
      }) {}

std::uint64_t MergedJudge::domain_of(std::uint64_t user) {
  std::uint64_t place = user % block;
  std::size_t size = 0;
  while (place >= sizes[size]) place -= sizes[size++];
  return user / block * sizes.size() + size;
}

std::uint64_t MergedJudge::domain_size(std::uint64_t domain) {
  return sizes[domain % sizes.size()];
}

std::uint64_t MergedJudge::row_of(Layer layer, std::uint64_t user, std::uint64_t name) const {
  switch (layer) {
    case Layer::everybody: return name;
    case Layer::domain: return domain_of(user) * names_ + name;
    case Layer::user: return user * names_ + name;
    case Layer::rank: return domain_of(user);
  }
  return 0;
}

std::uint64_t MergedJudge::thing_of(Layer layer, std::uint64_t row) {
  return (static_cast<std::uint64_t>(layer) << layer_shift) | row;
}

// Each second setting of a domain, and of a user each eighth.
std::uint64_t MergedJudge::first_version(Layer layer, std::uint64_t row) const {
  if (layer == Layer::domain) return (row / names_ + row % names_) % 2 == 0 ? 1 : 0;
  if (layer == Layer::user) return (row / names_ + row % names_) % 8 == 0 ? 1 : 0;
  return 1;
}

std::int64_t MergedJudge::rank_at(std::uint64_t version) {
  return version % 2 == 1 ? 10 : 30;
}

std::string MergedJudge::fragment_of(Layer layer, std::uint64_t version) {
  return fmt::format(R"({{"{0}":{1},"by":"{0}"}})",
                     names_of_layers[static_cast<std::size_t>(layer)], version);
}

MergedJudge::Reading MergedJudge::read_begin(std::uint64_t user, std::uint64_t name,
                                             Instant at) const {
  const auto begin = [&](Layer layer) {
    return versions_.read_begin(thing_of(layer, row_of(layer, user, name)), at);
  };
  return {.everybody = begin(Layer::everybody),
          .domain = begin(Layer::domain),
          .user = begin(Layer::user),
          .rank = begin(Layer::rank)};
}

Judgement MergedJudge::read_end(const Reading& reading,
                                const std::optional<std::string>& merged) const {
  // What is said for everybody is always there.
  if (!merged) return {.finding = Finding::wrong_absence};
  const std::optional<Said> said = said_in(*merged);
  if (!said) return {.finding = Finding::uncommitted};
  Judgement judgement = versions_.judge(reading.everybody, said->versions[0]);
  judgement = both(judgement, versions_.judge(reading.domain, said->versions[1]));
  judgement = both(judgement, versions_.judge(reading.user, said->versions[2]));
  // Any rank that the domain had since the read began may have counted; two are all there are.
  const std::uint64_t floor = std::max<std::uint64_t>(reading.rank.floor, 1);
  const std::uint64_t begun = std::max(versions_.begun(reading.rank.thing), floor);
  const bool now = said->by == last_of(*said, rank_at(floor)) ||
                   (begun > floor && said->by == last_of(*said, rank_at(floor + 1)));
  if (now) return judgement;
  const bool once = floor > 1 && said->by == last_of(*said, rank_at(floor - 1));
  return both(judgement, {.finding = once ? Finding::resurrected : Finding::uncommitted});
}

}  // namespace headrace::replay
