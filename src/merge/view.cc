// A read asks in three steps, each of which needs what the one before has said: who the caller is
// (the membership), what the scopes that apply allow (their settings), and only then what stands
// there (the fragments).  In a step all is asked at once; what one policy is asked goes to its
// source together.
#include <algorithm>
#include <cassert>
#include <forward_list>
#include <map>
#include <span>
#include <utility>

#include "core/mutants.h"
#include "headrace/merge.h"
#include "merge/definition.h"
#include "merge/documents.h"
#include "merge/layers.h"
#include "merge/overlay.h"

namespace headrace {

namespace {

using merge::Attributes;
using merge::Definition;
using merge::Layer;
using merge::Overlay;
using merge::ScopeSettings;

using Answers = std::vector<Result<MergedAnswer>>;

std::string_view text_of(const AnyAnswer& answer) {
  assert(answer.kind() == Kind::value);
  return *static_cast<const std::string*>(answer.entry().value());
}

// The same error, which says where it was met.
Error met_at(std::string_view what, std::string_view policy, const Error& error) {
  return {.code = error.code,
          .what = std::string(what) + " (policy \"" + std::string(policy) + "\"): " + error.what};
}

bool is_weaker(const AnyAnswer& a, const AnyAnswer& b) {
  const bool a_fetched = a.origin() == Origin::source;
  const bool b_fetched = b.origin() == Origin::source;
  return a_fetched == b_fetched ? a.fresh_left() < b.fresh_left() : a_fetched;
}

void take_note(MergedAnswer& merged, const AnyAnswer& part) {
  merged.age = std::max(merged.age, part.age());
  merged.bound = std::max(merged.bound, part.bound());
  if (!merged.weakest || is_weaker(part, *merged.weakest)) merged.weakest = part;
}

// One read under way.
class Reading {
 public:
  Reading(Engine& engine, const Definition& definition, Caller caller,
          std::vector<std::string> names, ReadOptions options)
      : engine_(engine),
        definition_(definition),
        caller_(std::move(caller)),
        names_(std::move(names)),
        options_(options) {}

  [[nodiscard]] Task<Result<Answers>> run();

 private:
  struct Question {
    std::string_view policy;
    std::string entity;
  };
  [[nodiscard]] Task<std::vector<AnyResult>> ask(std::vector<Question> questions);

  [[nodiscard]] Task<Result<Attributes>> ask_membership();
  [[nodiscard]] Task<void> ask_settings();
  [[nodiscard]] Task<Answers> ask_fragments();
  [[nodiscard]] static bool is_asked(const Layer& layer, std::string_view name) {
    if (removed(Mechanism::merged_allow)) return !layer.fault;
    return !layer.fault && layer.settings.allows(name);
  }
  // `fragments`: of the layers that are asked for `name`, in their order.
  [[nodiscard]] Result<MergedAnswer> merged(std::string_view name,
                                            std::span<const AnyResult> fragments) const;

  Engine& engine_;
  const Definition& definition_;
  const Caller caller_;
  const std::vector<std::string> names_;
  const ReadOptions options_;
  Attributes attributes_;
  std::vector<Layer> layers_;
  std::vector<AnyAnswer> shared_;  // Membership and settings: parts of each answer.
};

Task<std::vector<AnyResult>> Reading::ask(std::vector<Question> questions) {
  ReadOptions options = options_;
  if (removed(Mechanism::merged_level) && layers_.empty()) options.level.reset();
  std::map<std::string_view, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < questions.size(); ++i) groups[questions[i].policy].push_back(i);
  std::vector<std::optional<AnyLookup>> lookups(questions.size());
  for (const auto& [name, members] : groups) {
    const PolicyHandle policy = engine_.find(name);
    if (!policy) continue;
    std::vector<std::string> entities;
    entities.reserve(members.size());
    for (const std::size_t i : members) entities.push_back(std::move(questions[i].entity));
    std::vector<AnyLookup> begun = engine_.read_many(policy, entities, options);
    for (std::size_t i = 0; i < members.size(); ++i) lookups[members[i]] = std::move(begun[i]);
  }
  std::vector<AnyResult> answers;
  answers.reserve(lookups.size());
  for (std::optional<AnyLookup>& lookup : lookups) {
    if (!lookup) {
      answers.push_back(failure(Code::unknown_policy, "there is no such policy"));
      continue;
    }
    AnyLookup& pending = *lookup;
    AnyResult answer = co_await pending;
    answers.push_back(std::move(answer));
  }
  co_return answers;
}

Task<Result<Attributes>> Reading::ask_membership() {
  if (!caller_.user || definition_.attributes.empty()) co_return Attributes();
  const merge::Bound bound = {{merge::user_word, *caller_.user}};
  std::vector<Question> questions;
  questions.push_back({definition_.membership, definition_.membership_entity->fill(bound)});
  auto asking = ask(std::move(questions));
  const std::vector<AnyResult> answers = co_await std::move(asking);
  const AnyResult& answer = answers.front();
  constexpr std::string_view what = "the membership";
  if (!answer) {
    co_return std::unexpected(met_at(what, definition_.membership, answer.error()));
  }
  shared_.push_back(*answer);
  if (answer->kind() != Kind::value) co_return Attributes();
  Result<Attributes> attributes = merge::attributes_of(text_of(*answer), definition_.attributes);
  if (attributes) co_return attributes;
  co_return std::unexpected(met_at(what, definition_.membership, attributes.error()));
}

// A fault of one scope's settings is one of each name, for none can be told without them.
Task<void> Reading::ask_settings() {
  std::vector<Question> questions;
  std::vector<Layer*> asked;
  for (Layer& layer : layers_) {
    if (!layer.scope->settings) continue;
    questions.push_back({layer.scope->options.settings, layer.settings_entity()});
    asked.push_back(&layer);
  }
  auto asking = ask(std::move(questions));
  const std::vector<AnyResult> answers = co_await std::move(asking);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const MergedScope& scope = asked[i]->scope->options;
    const AnyResult& answer = answers[i];
    if (answer) shared_.push_back(*answer);
    if (answer && answer->kind() != Kind::value) continue;
    Result<ScopeSettings> settings =
        answer ? merge::settings_of(text_of(*answer)) : std::unexpected(answer.error());
    if (settings) {
      asked[i]->set(*std::move(settings));
    } else {
      asked[i]->fault =
          met_at("the settings of scope \"" + scope.name + "\"", scope.settings, settings.error());
    }
  }
}

Task<Answers> Reading::ask_fragments() {
  std::vector<Question> questions;
  std::vector<std::size_t> ends;  // Of each name's questions.
  for (const std::string& name : names_) {
    for (const Layer& layer : layers_) {
      if (!is_asked(layer, name)) continue;
      questions.push_back({layer.scope->options.policy, layer.entity_of(name)});
    }
    ends.push_back(questions.size());
  }
  auto asking = ask(std::move(questions));
  const std::vector<AnyResult> fragments = co_await std::move(asking);
  Answers answers;
  answers.reserve(names_.size());
  std::size_t begin = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::span<const AnyResult> own(fragments.begin() + static_cast<std::ptrdiff_t>(begin),
                                         ends[i] - begin);
    answers.push_back(merged(names_[i], own));
    begin = ends[i];
  }
  co_return answers;
}

Result<MergedAnswer> Reading::merged(std::string_view name,
                                     std::span<const AnyResult> fragments) const {
  MergedAnswer answer;
  for (const AnyAnswer& part : shared_) take_note(answer, part);
  Overlay overlay;
  std::forward_list<std::string> inner;  // Fragments that were texts in a member.
  auto fragment = fragments.begin();
  for (const Layer& layer : layers_) {
    if (layer.fault) return std::unexpected(*layer.fault);
    if (!is_asked(layer, name)) continue;
    const AnyResult& said = *fragment++;
    const MergedScope& scope = layer.scope->options;
    const auto fault = [&scope](const Error& error) {
      return std::unexpected(met_at("scope \"" + scope.name + "\"", scope.policy, error));
    };
    if (!said && removed(Mechanism::merged_whole)) continue;
    if (!said) return fault(said.error());
    take_note(answer, *said);
    if (said->kind() == Kind::absent) continue;
    std::string_view text = said->kind() == Kind::value ? text_of(*said) : "null";
    if (!scope.field.empty() && said->kind() == Kind::value) {
      Result<std::optional<std::string>> held = merge::fragment_in(text, scope.field);
      if (!held) return fault(held.error());
      if (!*held) continue;
      text = inner.emplace_front(**std::move(held));
    }
    const Result<bool> added = overlay.add(text);
    if (!added) return fault(added.error());
    if (*added) answer.contributions.push_back({.scope = scope.name, .fragment = *said});
  }
  if (overlay.has_value()) answer.json = overlay.text();
  return answer;
}

Task<Result<Answers>> Reading::run() {
  auto asking = ask_membership();
  Result<Attributes> attributes = co_await std::move(asking);
  if (!attributes) co_return std::unexpected(std::move(attributes.error()));
  attributes_ = *std::move(attributes);
  Result<std::vector<Layer>> layers = merge::layers_of(definition_, caller_, attributes_);
  if (!layers) co_return std::unexpected(std::move(layers.error()));
  layers_ = *std::move(layers);
  auto settling = ask_settings();
  co_await std::move(settling);
  merge::put_in_order(layers_);
  auto reading = ask_fragments();
  co_return co_await std::move(reading);
}

}  // namespace

Result<std::shared_ptr<const MergedView>> MergedView::make(Engine& engine,
                                                           MergedViewOptions options) {
  std::string faults;
  for (const MergedFault& fault : faults_of(options)) {
    faults += (faults.empty() ? "" : "; ") + (fault.scope.empty() ? "" : fault.scope + ".") +
              fault.key + ": " + fault.text;
  }
  if (!faults.empty()) {
    return failure(Code::invalid_argument, "view \"" + options.name + "\": " + faults);
  }
  std::vector<std::string_view> policies = {options.membership};
  for (const MergedScope& scope : options.scopes) {
    policies.insert(policies.end(), {scope.policy, scope.settings});
  }
  for (const std::string_view policy : policies) {
    if (policy.empty() || engine.find(policy)) continue;
    return failure(Code::unknown_policy, "view \"" + options.name + "\": there is no policy \"" +
                                             std::string(policy) + "\"");
  }
  return std::make_shared<const MergedView>(
      engine, std::make_unique<const Definition>(Definition::make(std::move(options))));
}

MergedView::MergedView(Engine& engine, std::unique_ptr<const Definition> definition)
    : engine_(engine), definition_(std::move(definition)) {}
MergedView::~MergedView() = default;

const std::string& MergedView::name() const noexcept {
  return definition_->name;
}

Task<Result<Answers>> MergedView::read(Caller caller, std::vector<std::string> names,
                                       ReadOptions options) const {
  if (caller.user && caller.user->empty()) {
    co_return failure(Code::invalid_argument, "the caller's user has no name");
  }
  if (names.size() > merged_names_max) {
    co_return failure(Code::too_large, std::to_string(names.size()) +
                                           " names are asked for; merged_names_max is " +
                                           std::to_string(merged_names_max));
  }
  Reading reading(engine_, *definition_, std::move(caller), std::move(names), options);
  auto run = reading.run();
  co_return co_await std::move(run);
}

}  // namespace headrace
