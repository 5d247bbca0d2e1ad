#include "sim/link.h"

namespace headrace::sim {

Link::Link(Timeline& timeline, Host& host, const Weather& weather, Code failure, std::uint64_t seed)
    : timeline_(timeline), host_(host), weather_(weather), failure_(failure), chance_(seed) {
  // What was under way is answered, so that whoever waits for it comes to its end.
  host_.on_death([this] {
    const auto open = std::exchange(open_, {});
    for (const auto& [number, fail] : open) host_.post(fail);
  });
}

Duration Link::one_way() {
  const bool slow = chance_.percent(weather_.slow_percent);
  return chance_.between(std::chrono::microseconds(20),
                         slow ? weather_.slow_max : weather_.delay_max);
}

Link::Fate Link::draw() {
  Fate fate;
  fate.refused = host_.is_dead() || cut_ || chance_.percent(weather_.failing_percent);
  fate.arrives = !chance_.percent(weather_.lost_percent);
  fate.answers = !chance_.percent(weather_.lost_percent);
  fate.there = one_way();
  fate.back = one_way();
  if (chance_.percent(weather_.late_percent)) {
    fate.there += weather_.give_up_after * (1 + static_cast<int>(chance_.below(6)));
  }
  if (chance_.percent(weather_.doubled_percent)) {
    fate.again = fate.there + chance_.between(Duration::zero(), 3 * weather_.give_up_after);
  }
  return fate;
}

std::uint64_t Link::open(std::function<void()> fail) {
  open_.emplace(++last_, std::move(fail));
  return last_;
}

std::unexpected<Error> Link::failed() const {
  return failure(failure_, "no answer, in a simulated world");
}

}  // namespace headrace::sim
