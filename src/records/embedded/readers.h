// embedded/readers.h: reading records, keys and usages on the calling thread.
//
// Threads:   any member from any thread; callers beyond readers_max wait for a connection, which
//            takes microseconds.
// Errors:    as Database; damaged for a record that cannot be decoded; closed after close().
// Lifetimes: owns its connections.  Borrows all else.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "headrace/records.h"
#include "records/embedded/front.h"
#include "records/embedded/kept.h"
#include "records/embedded/seams.h"

namespace headrace::embedded_records {

class Readers {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Readers>> open(const std::string& path,
                                                             std::size_t readers_max,
                                                             const Seams& seams, Front& front);
  // One without connections; open() gives it some.
  Readers(const Seams& seams, Front& front);
  ~Readers();

  // The records under the keys, in their order, from memory where it knows; fills it with the rest.
  [[nodiscard]] Result<std::vector<RecordRef>> read(const std::vector<RecordKey>& keys);
  [[nodiscard]] Result<Records::Page> list(const RecordKey& prefix, const std::string& from,
                                           std::size_t keys_max);
  [[nodiscard]] Result<std::vector<RecordKey>> expired(WallTime at, std::size_t keys_max);
  [[nodiscard]] Result<Records::Usage> usage(TenantId tenant);

  // Waits for the reads in progress and refuses more.  Idempotent.
  void close();

 private:
  class Reader;
  class Turn;

  const Seams& seams_;
  Front& front_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Reader>> idle_;
  std::size_t busy_ = 0;
  bool closed_ = false;
};

}  // namespace headrace::embedded_records
