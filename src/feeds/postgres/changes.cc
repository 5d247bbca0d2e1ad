#include "feeds/postgres/changes.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "headrace/key.h"

namespace headrace::postgres::feed {

SourceChange change_of(OutboxRow row) {
  SourceChange change{.database = std::move(row.database), .collection = std::move(row.collection)};
  // Nobody can have asked for a longer one.
  if (row.key && row.key->size() <= entity_bytes_max) change.entity = std::string(*row.key);
  boost::system::error_code ignored;
  const boost::json::value fields = boost::json::parse(row.fields, ignored);
  if (const auto* const list = fields.if_array()) {
    for (const boost::json::value& field : *list) {
      if (const auto* const text = field.if_string()) change.fields.emplace_back(*text);
    }
  }
  const boost::json::value values = boost::json::parse(row.values, ignored);
  if (const auto* const members = values.if_object()) {
    for (const auto& [name, list] : *members) {
      if (!list.is_array()) continue;
      for (const boost::json::value& value : list.get_array()) {
        if (!value.is_string()) continue;
        std::pair<std::string, std::string> one(name, value.get_string());
        if (std::ranges::count(change.values, one) == 0) change.values.push_back(std::move(one));
      }
    }
  }
  return change;
}

}  // namespace headrace::postgres::feed
