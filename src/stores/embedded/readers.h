// embedded/readers.h: reading a slot and watermarks in one snapshot, and keys in their order, on
// the calling thread.
//
// Threads:   look() and list() may be called from any thread; callers beyond readers_max wait for a
//            connection, which takes microseconds.
// Errors:    as Database; store_unavailable after close().
// Lifetimes: owns its connections.  Borrows all else.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "headrace/clock.h"
#include "headrace/store.h"
#include "stores/embedded/touched.h"

namespace headrace::embedded {

class Readers {
 public:
  struct Seen {
    Slot slot{};                         // Empty, held or damaged; leases are not known here.
    std::vector<WatermarkId> missing{};  // Of those asked for; their tokens are none.
  };

  [[nodiscard]] static Result<std::unique_ptr<Readers>> open(const std::string& path,
                                                             std::size_t readers_max,
                                                             const Clock& clock, std::int64_t boot,
                                                             Touched& touched);
  // One without connections; open() gives it some.
  Readers(const Clock& clock, std::int64_t boot, Touched& touched);
  ~Readers();

  [[nodiscard]] Result<Seen> look(const StoreKey& key, const std::vector<WatermarkId>& watermarks,
                                  Store::Payload payload);

  // A page of keys in their order, as Store::list(): those behind `after`, or from the first on.
  [[nodiscard]] Result<Store::Page> list(const std::optional<StoreKey>& after,
                                         std::size_t keys_max);

  // Waits for the reads in progress and refuses more.  Idempotent.
  void close();

 private:
  class Reader;
  [[nodiscard]] std::unique_ptr<Reader> take();
  void give_back(std::unique_ptr<Reader> reader);

  const Clock& clock_;
  const std::int64_t boot_;
  Touched& touched_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Reader>> idle_;
  std::size_t busy_ = 0;
  bool closed_ = false;
};

}  // namespace headrace::embedded
