#include "serve/balance.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cmath>
#include <optional>
#include <string>

namespace headrace::app {

namespace {

namespace json = boost::json;
using config::BalanceConfig;

Balance meaning(BalanceConfig::Means means) {
  switch (means) {
    case BalanceConfig::Means::unknown: return Unknown{};
    case BalanceConfig::Means::exhausted: return Amount(0);
    case BalanceConfig::Means::unlimited: return Unlimited{};
  }
  return Unknown{};
}

// What stands under `name`, or, with points in it, in the objects that it goes into.
const json::value* find(const json::value& in, std::string_view name) {
  const json::object* const object = in.if_object();
  if (object == nullptr) return nullptr;
  if (const json::value* const found = object->if_contains(name)) return found;
  const std::size_t point = name.find('.');
  const json::value* const inner = object->if_contains(name.substr(0, point));
  if (point == std::string_view::npos || inner == nullptr) return nullptr;
  return find(*inner, name.substr(point + 1));
}

// Far beyond what counts as an amount a double is exact enough.
std::optional<double> number_in(const json::value& value) {
  if (!value.is_number()) return std::nullopt;
  return value.to_number<double>();
}

Result<Balance> no_number(std::string_view name, const json::value* value) {
  return failure(Code::source_failed, "the balance's field \"" + std::string(name) + "\" is " +
                                          (value == nullptr ? "not there" : "no number"));
}

// Never more than there is: a fraction is rounded down.
Balance amount_of(double number) {
  constexpr auto most = static_cast<double>(amount_max);
  return Amount(std::floor(std::clamp(number, -most, most)));
}

}  // namespace

Result<Balance> balance_in(const BalanceConfig& where, Kind kind, std::string_view text) {
  if (kind == Kind::absent) return meaning(where.when_absent);
  if (kind == Kind::null) return meaning(where.when_null);
  boost::system::error_code fault;
  const json::value answer = json::parse(text, fault);
  if (fault) return failure(Code::source_failed, "the balance's policy answered what is no JSON");
  if (answer.is_null()) return meaning(where.when_null);

  const bool is_difference = where.field.empty();
  const std::string& name = is_difference ? where.limit : where.field;
  const json::value* const limit = find(answer, name);
  if (limit == nullptr) return meaning(where.when_absent);
  if (limit->is_null()) return meaning(where.when_null);
  if (const auto* const word = limit->if_string();
      word != nullptr && !where.unlimited.empty() && *word == where.unlimited) {
    return Unlimited{};
  }
  const std::optional<double> in_all = number_in(*limit);
  if (!in_all) return no_number(name, limit);
  if (!is_difference) return amount_of(*in_all);
  const json::value* const used = find(answer, where.used);
  const std::optional<double> spent = used == nullptr ? std::nullopt : number_in(*used);
  if (!spent) return no_number(where.used, used);
  return amount_of(*in_all - *spent);
}

}  // namespace headrace::app
