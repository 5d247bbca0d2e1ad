#include "server/http/migration_routes.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/http/json_body.h"
#include "server/http/json_text.h"

namespace headrace::http {

namespace {

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

Answered answer_of(const MigrationView& view) {
  Answered answered;
  answered.response.headers = {{"Content-Type", "application/json"}};
  JsonObject json(answered.response.body);
  json.text("phase", view.phase);
  json.text("phase_of_next_start", view.configured);
  json.text("from", view.from);
  json.text("to", view.to);
  json.real("since_s", seconds(view.since));
  json.real("new_in_s", seconds(view.new_in));
  json.number("copied", static_cast<std::int64_t>(view.copied_total));
  json.number("left_out", static_cast<std::int64_t>(view.left_out_total));
  json.number("failed", static_cast<std::int64_t>(view.failed_total));
  json.number("copying", static_cast<std::int64_t>(view.copying));
  return answered;
}

}  // namespace

void MigrationRoutes::add_to(Router& router) {
  if (control_.phases.empty()) return;
  router.add({"GET", "/v1/admin/migration", Route::policies, "the phase of the stores' migration",
              [this](Call call) { return show(std::move(call)); }});
  router.add({"POST", "/v1/admin/migration", Route::policies,
              "go to another phase, until this process ends",
              [this](Call call) { return change(std::move(call)); }});
}

Task<Outcome<Answered>> MigrationRoutes::show(Call) const {
  co_return answer_of(control_.view());
}

Task<Outcome<Answered>> MigrationRoutes::change(Call call) const {
  Outcome<JsonBody> body = JsonBody::read(call.request, json_depth_max_, {"application/json"});
  if (!body) co_return std::unexpected(std::move(body.error()));
  std::string phase;
  if (const auto* object = body->object({"phase"})) {
    phase = body->text(*object, "phase", "/phase");
    if (!phase.empty() && std::ranges::find(control_.phases, phase) == control_.phases.end()) {
      body->fault("/phase", "must be \"off\", \"dual\" or \"new\"");
    }
  }
  if (!body->is_sound()) co_return std::unexpected(std::move(*body).problem());
  auto setting = control_.set_phase(std::move(phase));
  const Result<void> done = co_await std::move(setting);
  if (!done) co_return problem("phase-refused", done.error().what);
  co_return answer_of(control_.view());
}

}  // namespace headrace::http
