#include "server/http/batch_routes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/http/json_text.h"

namespace headrace::http {

namespace {

void append_result(std::string& out, const OpResult& result, const RecordRef& left) {
  JsonObject json(out);
  json.number("status", result.status);
  if (!result.code.empty()) json.text("code", result.code);
  out += result.members;
  if (result.writes && left) json.text("version", "v" + std::to_string(content_version_of(*left)));
}

void append_result(std::string& out, const Problem& problem) {
  JsonObject json(out);
  json.number("status", problem_kind(problem.code).status);
  json.text("code", problem.code);
  json.text("detail", problem.detail);
}

Answered answered_json() {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  return answered;
}

Problem conflict_of(const std::vector<OpResult>& results) {
  Problem conflict{.code = "conflict", .detail = "not all can be made, and so none was"};
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i].fails()) continue;
    conflict.errors.push_back(
        {.pointer = "/ops/" + std::to_string(i), .detail = std::string(results[i].code)});
  }
  return conflict;
}

}  // namespace

void BatchRoutes::add_to(Router& router) {
  router.add({"POST", "/v1/batch/{ns}", Route::kv_batch, "many operations; atomic or not",
              [this](Call call) { return batch(std::move(call)); }});
}

Task<Result<BatchRoutes::Done>> BatchRoutes::at_once(std::shared_ptr<const Batch> batch,
                                                     Records::Ceiling ceiling,
                                                     std::size_t bytes_left) {
  Done done;
  const auto perform_all = [&](Workspace& work) {
    std::size_t left = bytes_left;
    done.results.clear();
    for (const BatchOp& op : batch->ops) done.results.push_back(perform(op, work, left));
    return !batch->atomic || std::ranges::none_of(done.results, &OpResult::fails);
  };
  if (!batch->changes()) {
    auto reading = access_.keyspace().read(batch->keys);
    auto found = co_await std::move(reading);
    if (!found) co_return std::unexpected(std::move(found.error()));
    Workspace work(batch->keys, *found, access_.now());
    (void)perform_all(work);
    done.left = *std::move(found);
    co_return done;
  }
  const Keyspace::Operation operation = perform_all;
  auto editing = access_.keyspace().edit(batch->keys, operation, ceiling);
  auto left = co_await std::move(editing);
  if (!left) co_return std::unexpected(std::move(left.error()));
  done.left = *std::move(left);
  co_return done;
}

Task<Outcome<Answered>> BatchRoutes::batch(Call call) {
  if (const auto named = check_namespace(call.captures[0]); !named) {
    co_return std::unexpected(named.error());
  }
  Outcome<Batch> asked = batch_of(call, limits_);
  if (!asked) co_return std::unexpected(std::move(asked.error()));
  const auto batch = std::make_shared<const Batch>(*std::move(asked));
  const Records::Ceiling ceiling = call.who->ceiling;
  auto working = at_once(batch, ceiling, limits_.batch_answer_bytes_max);
  const Result<Done> done = co_await std::move(working);
  if (!done) {
    // What cannot be done together may be done one by one, if nobody minds.
    const bool apart =
        done.error().code == Code::not_allowed || done.error().code == Code::over_quota;
    if (batch->atomic || !apart) co_return std::unexpected(problem_of_records(done.error()));
    auto alone = one_by_one(batch, ceiling);
    co_return co_await std::move(alone);
  }
  if (batch->atomic && std::ranges::any_of(done->results, &OpResult::fails)) {
    co_return std::unexpected(conflict_of(done->results));
  }
  Answered answered = answered_json();
  append_results(answered.response.body, *batch, *done);
  co_return answered;
}

void BatchRoutes::append_results(std::string& out, const Batch& batch, const Done& done) {
  JsonObject json(out);
  JsonArray results(json.member("results"));
  for (std::size_t i = 0; i < done.results.size(); ++i) {
    append_result(results.next(), done.results[i], done.left[batch.ops[i].at]);
  }
}

Task<Outcome<Answered>> BatchRoutes::one_by_one(std::shared_ptr<const Batch> batch,
                                                Records::Ceiling ceiling) {
  Answered answered = answered_json();
  std::string& out = answered.response.body;
  out += R"({"results":[)";
  for (std::size_t i = 0; i < batch->ops.size(); ++i) {
    const auto one = std::make_shared<const Batch>(batch->only(i));
    const std::size_t bytes_left =
        limits_.batch_answer_bytes_max - std::min(limits_.batch_answer_bytes_max, out.size());
    auto working = at_once(one, ceiling, bytes_left);
    const Result<Done> done = co_await std::move(working);
    if (i > 0) out += ',';
    if (done) {
      append_result(out, done->results[0], done->left[0]);
    } else {
      append_result(out, problem_of_records(done.error()));
    }
  }
  out += "]}";
  co_return answered;
}

}  // namespace headrace::http
