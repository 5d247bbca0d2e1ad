// tenants/book.h: who there is and which keys there are, and the rules by which that changes.
//
// A Book is a value.  A change is first thought out on it, then written to the records, and then
// made on it too.
//
// Threads:   values.
// Errors:    those of TenantBook.
// Lifetimes: values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "headrace/tenant_book.h"

namespace headrace {

// What becomes of the book by one change.
struct BookChange {
  std::vector<Tenant> tenants{};       // As they are from here on ...
  std::vector<TenantKey> keys{};       // ... and keys ...
  std::vector<std::string> removed{};  // ... and of those that are no more, the ids.
  TenantEvent event{};
};

struct Book {
  std::uint64_t generation = 0;
  TenantId last_tenant = default_tenant;  // No id is given twice.
  std::map<std::string, Tenant> tenants{};
  std::map<std::string, TenantKey> keys{};  // By their ids.

  [[nodiscard]] const Tenant* tenant(const std::string& name) const;
  [[nodiscard]] const TenantKey* key(const std::string& id) const;

  void make(const BookChange& change);
};

struct BookLimits {
  std::size_t tenants_max = 0;
  std::size_t keys_max = 0;
  std::size_t keys_per_tenant_max = 0;
  std::uint64_t value_bytes_max = 1 << 20;  // Of a tenant at first.
};

// What is needed for a key besides what was asked for.
struct KeyDraw {
  std::string id{};
  std::string digest{};
  WallTime now{};
};

[[nodiscard]] Result<BookChange> plan_tenant(const Book& book, const std::string& name,
                                             const TenantChange& with, const BookLimits& limits,
                                             WallTime now);
// REQUIRES: the tenant is in the book.
[[nodiscard]] Result<BookChange> plan_tenant_change(const Book& book, const std::string& name,
                                                    const TenantChange& change);
[[nodiscard]] Result<BookChange> plan_key(const Book& book, const NewKey& wanted,
                                          const BookLimits& limits, KeyDraw draw);
// REQUIRES: the key is in the book.
[[nodiscard]] Result<BookChange> plan_rotation(const Book& book, const std::string& id,
                                               Duration grace, KeyDraw draw);
[[nodiscard]] BookChange plan_revocation(const Book& book, const std::string& id);

}  // namespace headrace
