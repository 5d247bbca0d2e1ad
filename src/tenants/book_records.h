// tenants/book_records.h: the book as records of the system's tenant.
//
// Each tenant, each key and each event is a map; the book's own record has the generation and the
// last id.  Fields that are not known are left alone, so that a newer version can add some.
//
// Threads:   pure functions.
// Errors:    damaged: a record that is none of these.
// Lifetimes: values.
#pragma once

#include <string>

#include "headrace/records.h"
#include "headrace/result.h"
#include "tenants/book.h"

namespace headrace {

inline constexpr std::string_view tenant_space = "tenants";
inline constexpr std::string_view key_space = "keys";
inline constexpr std::string_view key_use_space = "keys.used";
inline constexpr std::string_view event_space = "events";

[[nodiscard]] RecordKey book_record_key();
[[nodiscard]] RecordKey system_key(std::string_view space, std::string_view key);
// Events beyond so many take the places of the eldest.
[[nodiscard]] RecordKey event_record_key(std::uint64_t number, std::size_t events_max);

[[nodiscard]] Record record_of(const Book& book);  // Without its tenants and keys.
[[nodiscard]] Record record_of(const Tenant& tenant);
[[nodiscard]] Record record_of(const TenantKey& key);
[[nodiscard]] Record record_of(const TenantEvent& event);
[[nodiscard]] Record record_of_use(WallTime minute);

// Null: nothing was ever written.
[[nodiscard]] Result<Book> read_book(const Record* record);
[[nodiscard]] Result<Tenant> read_tenant(std::string_view name, const Record& record);
[[nodiscard]] Result<TenantKey> read_key(std::string_view id, const Record& record);
[[nodiscard]] Result<TenantEvent> read_event(const Record& record);
[[nodiscard]] Result<WallTime> read_use(const Record& record);

}  // namespace headrace
