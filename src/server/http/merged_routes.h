// server/http/merged_routes.h: GET /v1/merged/{view}/{name} and POST /v1/merged/{view}.
//
// Who asks is said by the header Headrace-User alone, which whoever stands in front has vouched
// for; nothing else in a request names a user or what a user belongs to.
//
// Threads:   any.
// Errors:    problems.
// Lifetimes: shares its views; a read keeps the one that it began with.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "headrace/merge.h"
#include "server/http/router.h"

namespace headrace::http {

class MergedRoutes {
 public:
  struct Limits {
    std::size_t batch_answer_bytes_max = 64 << 20;
    std::size_t json_depth_max = 64;
  };

  MergedRoutes(MergedViews views, Limits limits)
      : limits_(limits), views_(std::make_shared<const MergedViews>(std::move(views))) {}

  void add_to(Router& router);
  // What is read from here on is read through these.
  void set_views(MergedViews views);

 private:
  using View = std::shared_ptr<const MergedView>;

  [[nodiscard]] Task<Outcome<Answered>> read(Call call) const;
  [[nodiscard]] Task<Outcome<Answered>> batch(Call call) const;
  [[nodiscard]] Outcome<View> find(std::string_view name) const;
  void append_item(std::string& out, const Result<MergedAnswer>& answer) const;

  const Limits limits_;
  mutable std::mutex mutex_;
  std::shared_ptr<const MergedViews> views_;
};

}  // namespace headrace::http
