#include "feeds/firestore/targets.h"

#include <algorithm>
#include <utility>

namespace headrace::firestore::feed {

namespace {

std::unexpected<Error> wrong(std::string what) {
  return failure(Code::invalid_argument, std::move(what));
}

// How many names a path has; none: one of them is empty, or none that Firestore takes.
std::optional<std::size_t> names_in(std::string_view path) {
  std::size_t names = 0;
  for (std::size_t begin = 0; begin <= path.size(); ++names) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view name = path.substr(begin, end - begin);
    const bool is_taken = name.starts_with("__") && name.ends_with("__");
    if (name.empty() || name == "." || name == ".." || is_taken) return std::nullopt;
    begin = end + 1;
  }
  return names;
}

std::string_view last_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

bool is_within(const FirestoreFeedCollection& one, const FirestoreFeedCollection& other) {
  return other.everywhere && one != other && last_of(one.path) == other.path;
}

}  // namespace

Result<void> Targets::check(const FirestoreFeedOptions& options) {
  if (options.collections.empty() || options.collections.size() > firestore_feed_collections_max) {
    return wrong("a feed of Firestore listens to 1 to " +
                 std::to_string(firestore_feed_collections_max) + " collections");
  }
  const auto lease = names_in(options.lease);
  if (!lease || *lease % 2 != 0) {
    return wrong("lease: \"" + options.lease +
                 "\" is no document; write the name of a collection, \"/\" and an id");
  }
  const std::string_view home = std::string_view(options.lease).substr(0, options.lease.rfind('/'));
  for (const FirestoreFeedCollection& one : options.collections) {
    const auto names = names_in(one.path);
    if (!names || *names % 2 != 1 || (one.everywhere && *names != 1)) {
      return wrong("\"" + one.path + "\" is no collection of Firestore that can be listened to");
    }
    if (one.path == home || (one.everywhere && last_of(home) == one.path)) {
      return wrong("lease: \"" + options.lease + "\" is in a collection that the feed listens to");
    }
  }
  return {};
}

Targets::Targets(const FirestoreFeedOptions& options)
    : database_("projects/" + options.database.project + "/databases/" + options.database.database),
      identity_(identity_of(options.database)),
      lease_(database_ + "/documents/" + options.lease),
      collections_(options.collections) {
  std::ranges::sort(collections_);
  const auto doubled = std::ranges::unique(collections_);
  collections_.erase(doubled.begin(), doubled.end());
  const std::vector<FirestoreFeedCollection> all = collections_;
  std::erase_if(collections_, [&all](const FirestoreFeedCollection& one) {
    return std::ranges::any_of(all, [&one](const auto& other) { return is_within(one, other); });
  });
  for (const FirestoreFeedCollection& one : collections_) {
    watched_ += (one.everywhere ? "**/" : "/") + one.path + "\n";
  }
}

api::ListenRequest Targets::request(std::int32_t target) const {
  api::ListenRequest request;
  request.set_database(database_);
  api::Target& added = *request.mutable_add_target();
  added.set_target_id(target);
  if (target == lease_target) {
    added.mutable_documents()->add_documents(lease_);
    return request;
  }
  const FirestoreFeedCollection& one = collections_[static_cast<std::size_t>(target) - 2];
  const std::size_t slash = one.path.rfind('/');
  const std::string above = slash == std::string::npos ? "" : "/" + one.path.substr(0, slash);
  added.mutable_query()->set_parent(database_ + "/documents" + above);
  api::StructuredQuery& query = *added.mutable_query()->mutable_structured_query();
  api::StructuredQuery::CollectionSelector& from = *query.add_from();
  from.set_collection_id(std::string(last_of(one.path)));
  from.set_all_descendants(one.everywhere);
  // Only names matter, and moments, which always come.
  query.mutable_select()->add_fields()->set_field_path("__name__");
  return request;
}

// Who knows the state at a moment need not be told of it: what is there already is not sent, and
// not billed.
std::vector<api::ListenRequest> Targets::requests(const Position& from) const {
  std::vector<api::ListenRequest> all = {request(lease_target)};
  for (std::int32_t target = lease_target + 1; target <= last_target(); ++target) {
    api::ListenRequest& one = all.emplace_back(request(target));
    if (from.token.empty()) {
      *one.mutable_add_target()->mutable_read_time() = timestamp_of(from.at);
    } else {
      one.mutable_add_target()->set_resume_token(from.token);
    }
  }
  return all;
}

// All collections of one name are one, as they are for sources.
std::optional<SourceChange> Targets::change_of(std::string_view name) const {
  const std::size_t id = name.rfind('/');
  if (name == lease_ || id == std::string_view::npos || id == 0) return std::nullopt;
  return SourceChange{.database = identity_,
                      .collection = std::string(last_of(name.substr(0, id))),
                      .entity = std::string(name.substr(id + 1))};
}

}  // namespace headrace::firestore::feed
