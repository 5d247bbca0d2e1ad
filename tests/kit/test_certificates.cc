#include "kit/test_certificates.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

namespace headrace::kit {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

constexpr long day_seconds = 24L * 60 * 60;

struct Party {
  Key key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  Certificate certificate{X509_new(), X509_free};
};

void extend(X509* certificate, X509* issuer, int what, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, what, value);
  if (extension == nullptr) {
    ADD_FAILURE() << "no extension " << value;
    return;
  }
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Fills in all but the extensions and the signature.
void describe(const Party& party, const std::string& name, X509* issuer, long serial) {
  X509* const made = party.certificate.get();
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made), serial);
  X509_gmtime_adj(X509_getm_notBefore(made), -day_seconds);
  X509_gmtime_adj(X509_getm_notAfter(made), day_seconds);
  X509_set_pubkey(made, party.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(made, X509_get_subject_name(issuer));
}

template <class F>
std::string written(const std::string& path, F write) {
  const std::unique_ptr<FILE, decltype(&std::fclose)> to(std::fopen(path.c_str(), "w"),
                                                         std::fclose);
  if (to == nullptr || write(to.get()) != 1) ADD_FAILURE() << "cannot write " << path;
  return path;
}

std::string write_certificate(const Party& party, const std::string& path) {
  return written(path, [&](FILE* to) { return PEM_write_X509(to, party.certificate.get()); });
}

std::string write_key(const Party& party, const std::string& path) {
  return written(path, [&](FILE* to) {
    return PEM_write_PrivateKey(to, party.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

void sign(const Party& party, const Party& authority) {
  if (X509_sign(party.certificate.get(), authority.key.get(), EVP_sha256()) <= 0) {
    ADD_FAILURE() << "cannot sign a certificate";
  }
}

}  // namespace

TestCertificates::TestCertificates(const TemporaryFolder& folder, const std::string& prefix) {
  const Party authority;
  X509* const root = authority.certificate.get();
  describe(authority, prefix + "headrace test authority", root, 1);
  extend(root, root, NID_basic_constraints, "critical,CA:TRUE");
  extend(root, root, NID_key_usage, "critical,keyCertSign,cRLSign");
  sign(authority, authority);
  authority_file = write_certificate(authority, folder.file(prefix + "authority.crt"));

  const Party server;
  describe(server, "localhost", root, 2);
  extend(server.certificate.get(), root, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  sign(server, authority);
  server_file = write_certificate(server, folder.file(prefix + "server.crt"));
  server_key_file = write_key(server, folder.file(prefix + "server.key"));

  const Party client;
  describe(client, "headrace-test", root, 3);
  sign(client, authority);
  client_file = write_certificate(client, folder.file(prefix + "client.crt"));
  client_key_file = write_key(client, folder.file(prefix + "client.key"));
}

}  // namespace headrace::kit
