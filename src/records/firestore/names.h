// firestore/names.h: what the documents of records are called.
//
//   record   r KEY           KEY: the bytes of its key, six bits a character
//   sums     s TENANT NUMBER  in the same digits: the tenant's four bytes, and one that says which
//
// The digits stand in the order of their values, so that names sort as keys do: what begins with a
// prefix lies side by side, and is listed by name, without an index.  No name can be one that
// Firestore keeps for itself.
//
// Threads: values.  Errors: none.  Lifetimes: values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "headrace/records.h"

namespace headrace::firestore_records {

class Names {
 public:
  // `database`: "projects/P/databases/D".
  Names(const std::string& database, const std::string& collection)
      : prefix_(database + "/documents/" + collection + "/") {}

  [[nodiscard]] std::string record(const RecordKey& key) const { return at(key.bytes()); }
  // Where a record with these bytes for a key is or would be: less than that of any that is behind.
  [[nodiscard]] std::string at(std::string_view key_bytes) const;
  [[nodiscard]] std::string sums(TenantId tenant, std::size_t number) const;

  // Of the record in a document with that full name; none if it is no record's.
  [[nodiscard]] std::optional<RecordKey> key_of(std::string_view name) const;

 private:
  std::string prefix_;
};

}  // namespace headrace::firestore_records
