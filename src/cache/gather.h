// cache/gather.h: single fetches that run at the same time become batches of the source.
//
// The first fetch goes out at once, alone: a quiet policy pays nothing.  Those that come while one
// is out wait for at most `within`, or until a batch is full, and go together.  A hold() keeps all
// of them back until it ends, for reads of many entities.
//
// Threads:   any member from any thread.
// Lifetimes: shared; a batch under way keeps its gatherer alive.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/admission.h"
#include "headrace/clock.h"
#include "headrace/executor.h"
#include "headrace/source.h"

namespace headrace {

class Gatherer : public std::enable_shared_from_this<Gatherer> {
 public:
  struct Options {
    Duration within = std::chrono::milliseconds(1);
    std::size_t batch_max = 100;  // At most what the source takes.
  };
  using Answer = Result<Fetched>;

  Gatherer(std::shared_ptr<Source> source, std::shared_ptr<Admission> budget, Options options,
           Clock& clock, Executor& executor)
      : source_(std::move(source)),
        budget_(std::move(budget)),
        options_(options),
        clock_(clock),
        executor_(executor) {}

  // The outcome of asking the source for `fetch.entity`, with others or alone.
  [[nodiscard]] Task<Answer> fetch(Fetch fetch);

  // While one exists, fetches are kept back (but for full batches).
  class Hold {
   public:
    explicit Hold(std::shared_ptr<Gatherer> gatherer);
    ~Hold();
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    std::shared_ptr<Gatherer> gatherer_;
  };

 private:
  using Done = std::move_only_function<void(Answer)>;
  struct Item {
    Fetch fetch;
    std::vector<Done> waiting;  // Two loads of one entity share its place in a batch.
  };
  using Batch = std::vector<Item>;

  void add(Fetch fetch, Done done);
  void flush();
  void flush_when_due();
  // Takes what is gathered.  REQUIRES: mutex_ is held.
  [[nodiscard]] Batch take();
  void send(Batch batch);
  void arrived(Batch batch, std::vector<Answer> answers);

  const std::shared_ptr<Source> source_;
  const std::shared_ptr<Admission> budget_;
  const Options options_;
  Clock& clock_;
  Executor& executor_;

  std::mutex mutex_;
  Batch gathered_;
  std::unordered_map<std::string, std::size_t> places_;  // Of entities in `gathered_`.
  std::size_t out_ = 0;                                  // Batches under way.
  std::size_t holds_ = 0;
  bool timer_set_ = false;
};

}  // namespace headrace
