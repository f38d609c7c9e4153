// For the tests of TLS.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <cstdio>
#include <filesystem>
#include <string>

namespace limpet::net {

// A certificate for `name`, signed by itself.
struct Certificate {
  explicit Certificate(const std::string& name) {
    key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("limpet test"), -1,
                               -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_EXTENSION* names = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(certificate, key, EVP_sha256());
    std::string pattern = (std::filesystem::temp_directory_path() / "limpet_net_XXXXXX").string();
    int fd = ::mkstemp(pattern.data());
    path = pattern;
    FILE* file = ::fdopen(fd, "w");
    PEM_write_X509(file, certificate);
    ::fclose(file);
  }
  ~Certificate() {
    std::filesystem::remove(path);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  EVP_PKEY* key;
  X509* certificate;
  std::string path;
};

}  // namespace limpet::net
