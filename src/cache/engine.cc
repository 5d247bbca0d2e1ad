// The engine's face: everything is done by Impl, which outlives it while work is under way.
#include "headrace/engine.h"

#include "cache/impl.h"

namespace headrace {

const ValueCodec& bytes_codec() {
  static const ValueCodec codec{
      .encode = [](const void* value) { return *static_cast<const std::string*>(value); },
      .decode = [](std::string_view bytes) -> Result<std::shared_ptr<const void>> {
        return std::make_shared<const std::string>(bytes);
      },
      .bytes =
          [](const void* value) {
            return sizeof(std::string) + static_cast<const std::string*>(value)->capacity();
          }};
  return codec;
}

std::string_view name_of(Held held) noexcept {
  switch (held) {
    case Held::everywhere: return "everywhere";
    case Held::soon: return "soon";
    case Held::in_store: return "store";
    case Held::pending: return "pending";
  }
  return "pending";
}

Engine::Engine(Limits limits, Ports ports) : impl_(std::make_shared<Impl>(limits, ports)) {
  impl_->schedule_expiry();
  impl_->join_bus();
  impl_->recover();
}

Engine::~Engine() = default;

Result<PolicyHandle> Engine::define(Policy policy, std::shared_ptr<const ValueCodec> codec,
                                    std::shared_ptr<Source> source) {
  return impl_->define(std::move(policy), std::move(codec), std::move(source));
}
void Engine::undefine(std::string_view policy) {
  impl_->undefine(policy);
}
PolicyHandle Engine::find(std::string_view policy) const {
  return impl_->find(policy);
}

std::vector<PolicyView> Engine::policies() const {
  std::vector<PolicyView> views;
  for (const PolicyHandle& policy : impl_->all()) views.push_back(policy->view());
  return views;
}

EntryRef::Bare Engine::find_fresh(PolicyState& policy, std::string_view entity, Instant& at) {
  return impl_->find_fresh(policy, entity, at);
}

AnyLookup Engine::read(const PolicyHandle& policy, std::string_view entity, ReadOptions options) {
  return impl_->read(policy, entity, nullptr, options);
}
AnyLookup Engine::read(const PolicyHandle& policy, std::string_view entity, Loader loader,
                       ReadOptions options) {
  return impl_->read(policy, entity, std::make_shared<Loader>(std::move(loader)), options);
}
std::vector<AnyLookup> Engine::read_many(const PolicyHandle& policy,
                                         const std::vector<std::string>& entities,
                                         ReadOptions options) {
  return impl_->read_many(policy, entities, options);
}

Invalidation Engine::outdated_by(const std::vector<SourceChange>& changes) const {
  return impl_->outdated_by(changes);
}
void Engine::cover(std::string_view policy, Instant until, Instant told) {
  impl_->cover(policy, until, told);
}
bool Engine::is_covered(const PolicyHandle& policy) const {
  return impl_->is_covered(*policy);
}
std::optional<Instant> Engine::told_until(const PolicyHandle& policy) const {
  return impl_->told_until(*policy);
}

Task<Result<Held>> Engine::invalidate(Invalidation what, Wait wait) {
  return impl_->invalidate(std::move(what), wait);
}
Result<Listening> Engine::on_invalidated(Topic topic, OnInvalidated call, ListenerOptions options) {
  return impl_->on_invalidated(std::move(topic), std::move(call), options);
}
Task<Result<Held>> Engine::put(PolicyHandle policy, std::string entity, Kind kind,
                               std::shared_ptr<const void> value) {
  return impl_->put(std::move(policy), std::move(entity), kind, std::move(value));
}
Task<Result<UpdateOutcome>> Engine::update(PolicyHandle policy, std::string entity, Editor editor) {
  return impl_->update(std::move(policy), std::move(entity), std::move(editor));
}

Task<Result<Current>> Engine::fetch_for_update(PolicyHandle policy, std::string entity) {
  return impl_->fetch_for_update(std::move(policy), std::move(entity));
}

Task<std::vector<Result<WriteOutcome>>> Engine::write_many(PolicyHandle policy,
                                                           std::vector<Write> writes) {
  return impl_->write_many(std::move(policy), std::move(writes));
}

Task<Result<WriteOutcome>> Engine::write(PolicyHandle policy, Write write) {
  return impl_->write(std::move(policy), std::move(write));
}
Task<Result<Held>> Engine::write(Invalidation what, Change change, Wait wait) {
  return impl_->write_guarded(std::move(what), std::move(change), wait);
}
Task<Result<Explanation>> Engine::explain(PolicyHandle policy, std::string entity) {
  return impl_->explain(std::move(policy), std::move(entity));
}
std::vector<Mismatch> Engine::mismatches(std::string_view policy) const {
  const PolicyHandle handle = impl_->find(policy);
  return handle ? handle->verification().last() : std::vector<Mismatch>();
}
Task<Result<PolicyView>> Engine::change(std::string policy, PolicyChange change) {
  return impl_->change(std::move(policy), change);
}
void Engine::set_reads(bool on) {
  impl_->set_reads(on);
}
bool Engine::reads_on() const noexcept {
  return impl_->reads_on();
}
EngineStats Engine::stats() const {
  return impl_->stats();
}
std::vector<std::string> Engine::audit() const {
  return impl_->audit();
}
Task<void> Engine::close() {
  return impl_->close();
}

}  // namespace headrace
