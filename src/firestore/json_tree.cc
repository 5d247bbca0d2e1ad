#include "firestore/json_tree.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <cstddef>

namespace headrace::firestore {

namespace {

namespace json = boost::json;

// What Boost's parser tells, one event at a time.
class Builder {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return open(JsonTree::Is::object); }
  bool on_object_end(std::size_t, json::error_code& error) {
    std::vector<std::string> sorted = open_.back().names;
    std::ranges::sort(sorted);
    if (std::ranges::adjacent_find(sorted) != sorted.end()) {
      error = json::error::syntax;
      has_twin_ = true;
      return false;
    }
    return close();
  }
  bool on_array_begin(json::error_code&) { return open(JsonTree::Is::array); }
  bool on_array_end(std::size_t, json::error_code&) { return close(); }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return gather(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    gather(part);
    open_.back().names.push_back(std::exchange(text_, {}));
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
    return gather(part);
  }
  bool on_string(json::string_view part, std::size_t, json::error_code&) {
    return scalar(JsonTree::Is::string, part);
  }
  bool on_number_part(json::string_view part, json::error_code&) { return gather(part); }
  bool on_int64(std::int64_t, json::string_view part, json::error_code&) {
    return scalar(JsonTree::Is::number, part);
  }
  bool on_uint64(std::uint64_t, json::string_view part, json::error_code&) {
    return scalar(JsonTree::Is::number, part);
  }
  bool on_double(double, json::string_view part, json::error_code&) {
    return scalar(JsonTree::Is::number, part);
  }
  bool on_bool(bool truth, json::error_code&) {
    return put({.is = JsonTree::Is::boolean, .truth = truth});
  }
  bool on_null(json::error_code&) { return put({}); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

  [[nodiscard]] JsonTree& root() noexcept { return root_; }
  [[nodiscard]] bool has_twin() const noexcept { return has_twin_; }

 private:
  bool gather(json::string_view part) {
    text_.append(part.data(), part.size());
    return true;
  }
  bool open(JsonTree::Is is) {
    open_.push_back({.is = is});
    return true;
  }
  bool close() {
    JsonTree tree = std::move(open_.back());
    open_.pop_back();
    return put(std::move(tree));
  }
  bool scalar(JsonTree::Is is, json::string_view part) {
    gather(part);
    return put({.is = is, .text = std::exchange(text_, {})});
  }
  bool put(JsonTree tree) {
    (open_.empty() ? root_ : open_.back().items.emplace_back()) = std::move(tree);
    return true;
  }

  std::vector<JsonTree> open_;
  std::string text_;
  JsonTree root_;
  bool has_twin_ = false;
};

}  // namespace

Result<JsonTree> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = json_depth_max;
  json::basic_parser<Builder> parser(options);
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (parser.handler().has_twin()) {
    return failure(Code::invalid_argument, "the JSON has an object with one name twice");
  }
  if (!error && used < text.size()) error = json::error::extra_data;
  if (error) {
    return failure(Code::invalid_argument, "this is no JSON: " + error.message() + " at byte " +
                                               std::to_string(used) + "; strings need quotes");
  }
  return std::move(parser.handler().root());
}

}  // namespace headrace::firestore
