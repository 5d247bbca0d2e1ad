#include "headrace/operations.h"

#include <algorithm>
#include <utility>

namespace headrace {

bool Condition::holds(const Record* record) const noexcept {
  if (record == nullptr) return !present && !one_of;
  const auto names = [version = content_version_of(*record)](const auto& versions) {
    return std::ranges::find(versions, version) != versions.end();
  };
  if (absent || (one_of && !names(*one_of))) return false;
  return !names(none_of);
}

Made put(Workspace& work, std::size_t at, const Put& put) {
  const Record* present = work.find(at);
  if (!put.condition.holds(present)) return Made::unmet;
  Record record{.value = put.value, .content_type = put.content_type};
  if (put.lifetime.keep && present != nullptr) {
    record.expires = present->expires;
    record.idle = present->idle;
    record.ends = present->ends;
  } else {
    set_lifetime(record, put.lifetime, work.now());
  }
  note_access(record, work.now());
  work.put(at, std::move(record));
  return Made::made;
}

Made remove(Workspace& work, std::size_t at, const Condition& condition) {
  const Record* present = work.find(at);
  if (!condition.holds(present)) return Made::unmet;
  if (present == nullptr) return Made::absent;
  work.remove(at);
  return Made::made;
}

Made touch(Workspace& work, std::size_t at, const std::optional<Lifetime>& lifetime) {
  if (work.find(at) == nullptr) return Made::absent;
  Record& record = work.touch(at);
  if (lifetime && !lifetime->keep) set_lifetime(record, *lifetime, work.now());
  note_access(record, work.now());
  return Made::made;
}

Taken take(Workspace& work, std::size_t at) {
  const Record* present = work.find(at);
  if (present == nullptr) return {};
  if (present->kind != Record::Kind::value) return {.made = Made::wrong_type};
  Taken taken{.made = Made::made, .record = *present};
  work.remove(at);
  return taken;
}

}  // namespace headrace
