// session/place.h: whose sessions, and of which application: where their records are.
//
// Threads:   pure.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "headrace/records.h"

namespace headrace::session {

struct Place {
  TenantId tenant = system_tenant;
  std::string app{};
  Records::Ceiling ceiling{};
  std::size_t bytes_max = 1 << 20;  // Of one session.
};

// Of a handle, or of what session/subject.h calls a subject's key.
[[nodiscard]] inline RecordKey key_of(const Place& place, std::string_view key) {
  return {place.tenant, "sessions/" + place.app, key};
}

[[nodiscard]] inline std::vector<RecordKey> just(RecordKey key) {
  std::vector<RecordKey> keys;
  keys.push_back(std::move(key));
  return keys;
}

}  // namespace headrace::session
