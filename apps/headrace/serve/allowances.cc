#include "serve/allowances.h"

#include <algorithm>
#include <string>
#include <utility>

#include "headrace/sync.h"
#include "serve/balance.h"

namespace headrace::app {

namespace {

// Reads it out of the JSON that policies of the program answer.
BalanceOf balance_of(config::BalanceConfig where) {
  return [where = std::move(where)](const AnyAnswer& answer) {
    const Kind kind = answer.kind();
    const auto* const json = static_cast<const std::string*>(answer.entry().value());
    return balance_in(where, kind, kind == Kind::value ? std::string_view(*json) : "");
  };
}

}  // namespace

Result<OpenAllowances::Open> OpenAllowances::open(const config::AllowanceConfig& config,
                                                  std::shared_ptr<Source> source) const {
  auto opened = Allowances::open(engine_, {runtime_, runtime_, runtime_, store_}, config.policy,
                                 balance_of(config.balance));
  if (!opened) {
    return failure(opened.error().code,
                   "allowances." + config.policy.name + ": " + opened.error().what);
  }
  return Open{.config = config, .source = std::move(source), .allowances = *std::move(opened)};
}

Result<void> OpenAllowances::start(const config::Config& config, const Bindings& bindings) {
  std::vector<Open> next;
  std::vector<Open> fresh;
  for (const config::AllowanceConfig& one : config.allowances) {
    std::shared_ptr<Source> source = bindings.source_of(one.policy.balance);
    const auto same = std::ranges::find_if(
        open_, [&](const Open& open) { return open.config == one && open.source == source; });
    if (same != open_.end()) {
      next.push_back(*same);
      continue;
    }
    Result<Open> opened = open(one, std::move(source));
    if (!opened) {
      close(std::move(fresh));
      return std::unexpected(std::move(opened.error()));
    }
    fresh.push_back(*opened);
    next.push_back(*std::move(opened));
  }
  for (Open& was : std::exchange(open_, std::move(next))) {
    if (std::ranges::find(open_, was.allowances, &Open::allowances) == open_.end()) {
      retiring_.push_back(std::move(was));
    }
  }
  return {};
}

void OpenAllowances::close(std::vector<Open> all) {
  for (const Open& one : all) wait(one.allowances->close());
}

void OpenAllowances::retire() {
  close(std::exchange(retiring_, {}));
}

void OpenAllowances::end() {
  retire();
  close(std::exchange(open_, {}));
}

http::AllowanceTable OpenAllowances::table() const {
  http::AllowanceTable table;
  for (const Open& one : open_) table.emplace(one.config.policy.name, one.allowances);
  return table;
}

}  // namespace headrace::app
