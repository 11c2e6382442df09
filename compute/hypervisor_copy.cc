// SPDX-License-Identifier: Apache-2.0
// Copies of the disks of a domain that runs, by libvirt's backup job.
#include "compute/hypervisor.h"
#include "compute/libvirt_link.h"

namespace sf::compute {
namespace {

/// What libvirt tells of a job.
class JobStatistics {
 public:
  static Result<JobStatistics> Read(virDomainPtr domain, unsigned flags) {
    JobStatistics read;
    if (virDomainGetJobStats(domain, &read.type_, &read.values_, &read.count_, flags) < 0) {
      return LibvirtFailure("the copy under way in domain {}", virDomainGetName(domain));
    }
    return read;
  }
  JobStatistics(JobStatistics&& other) noexcept
      : type_(other.type_),
        values_(std::exchange(other.values_, nullptr)),
        count_(std::exchange(other.count_, 0)) {}
  JobStatistics& operator=(JobStatistics&&) = delete;
  ~JobStatistics() { virTypedParamsFree(values_, count_); }

  int type() const { return type_; }
  std::uint64_t Number(const char* name) const {
    unsigned long long number = 0;
    virTypedParamsGetULLong(values_, count_, name, &number);
    return number;
  }
  std::string Text(const char* name) const {
    const char* text = nullptr;
    virTypedParamsGetString(values_, count_, name, &text);
    return text == nullptr ? "" : text;
  }

 private:
  JobStatistics() = default;

  int type_ = VIR_DOMAIN_JOB_NONE;
  virTypedParameterPtr values_ = nullptr;
  int count_ = 0;
};

}  // namespace

Result<void> Hypervisor::BeginCopy(const InstanceId& id, const std::string& xml) {
  return link_->CallOnDomain(id, [id, xml](virDomainPtr domain) -> Result<void> {
    // What an earlier copy has left to tell is not about this one.
    TRY(JobStatistics::Read(domain, VIR_DOMAIN_JOB_STATS_COMPLETED));
    if (virDomainBackupBegin(domain, xml.c_str(), /*checkpointXML=*/nullptr, /*flags=*/0) < 0) {
      return LibvirtFailure("a copy of disks of instance {} could not be begun", id);
    }
    return {};
  });
}

Result<CopyProgress> Hypervisor::FollowCopy(const InstanceId& id) {
  return link_->CallOnDomain(id, [id](virDomainPtr domain) -> Result<CopyProgress> {
    const JobStatistics now = TRY(JobStatistics::Read(domain, /*flags=*/0));
    if (now.type() != VIR_DOMAIN_JOB_NONE) {
      return CopyProgress{.done = false,
                          .bytes = now.Number(VIR_DOMAIN_JOB_DISK_PROCESSED),
                          .total_bytes = now.Number(VIR_DOMAIN_JOB_DISK_TOTAL)};
    }
    const JobStatistics ended = TRY(JobStatistics::Read(
        domain, VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED));
    if (ended.type() != VIR_DOMAIN_JOB_COMPLETED) {
      const std::string why = ended.Text(VIR_DOMAIN_JOB_ERRMSG);
      return Fail(Code::kInternal, "the copy of disks of instance {} did not come to its end{}", id,
                  why.empty() ? "" : ": " + why);
    }
    const std::uint64_t bytes = ended.Number(VIR_DOMAIN_JOB_DISK_TOTAL);
    return CopyProgress{.done = true, .bytes = bytes, .total_bytes = bytes};
  });
}

Result<void> Hypervisor::AbortCopy(const InstanceId& id) {
  const auto aborted = link_->CallOnDomain(id, [id](virDomainPtr domain) -> Result<void> {
    const JobStatistics now = TRY(JobStatistics::Read(domain, /*flags=*/0));
    if (now.type() == VIR_DOMAIN_JOB_NONE || virDomainAbortJob(domain) == 0) return {};
    return LibvirtFailure("the copy of disks of instance {} could not be ended", id);
  });
  // A domain that is off or gone copies nothing.
  if (aborted || aborted.error().code == Code::kNotFound ||
      aborted.error().code == Code::kConflict) {
    return {};
  }
  return aborted;
}

}  // namespace sf::compute
