// firestore/sums.h: what a tenant has, spread over several documents that share its ceiling.
//
// Sums that were shared out under a ceiling hold, each of them, no more than their part of it, and
// the parts are as much as the ceiling: so who adds to one looks at that one alone.  What is shared
// out is always all of them, in one step.  Shrinking needs no look: any may fall, below nothing
// too.
//
// Threads: functions of their arguments alone.  Errors: none.  Lifetimes: values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "headrace/records.h"
#include "headrace/records/firestore.h"

namespace headrace::firestore_records {

struct Amount {
  std::int64_t records = 0;
  std::int64_t bytes = 0;

  Amount& operator+=(const Amount& other) {
    records += other.records;
    bytes += other.bytes;
    return *this;
  }
  Amount& operator-=(const Amount& other) {
    records -= other.records;
    bytes -= other.bytes;
    return *this;
  }
  [[nodiscard]] bool is_none() const noexcept { return records == 0 && bytes == 0; }
  [[nodiscard]] bool grows() const noexcept { return records > 0 || bytes > 0; }
  friend bool operator==(const Amount&, const Amount&) = default;
};

// A limit that is none is `unlimited`.
inline constexpr std::int64_t unlimited = 0;
// Of sums that were over their ceiling when they were last shared out: no ceiling is like it.
inline constexpr std::int64_t not_shared_out = -1;

struct Sums {
  Amount amount{};
  // The ceiling under which they were shared out.  Those that never were have none to hold.
  Amount ceiling{.records = unlimited, .bytes = unlimited};

  friend bool operator==(const Sums&, const Sums&) = default;
};
using AllSums = std::array<Sums, firestore_sums>;

[[nodiscard]] Amount amount_of(const Records::Ceiling& ceiling);
[[nodiscard]] Amount total_of(const AllSums& all);

// Whether the tenant stays within the ceiling if those sums grow, whatever stands in the others.
[[nodiscard]] bool has_room(const Sums& sums, std::size_t number, const Amount& growth,
                            const Amount& ceiling);

// Which limit of the ceiling a tenant with so much would be over by that growth.
enum class Over : std::uint8_t { nothing, records, bytes };
[[nodiscard]] Over over_by(const Amount& total, const Amount& growth, const Amount& ceiling);

// So much shared out evenly under a ceiling.
[[nodiscard]] AllSums share_out(const Amount& total, const Amount& ceiling);

}  // namespace headrace::firestore_records
