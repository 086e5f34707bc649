import type { Any } from "../generated/google/protobuf/any.ts";
import type { Cluster as ClusterMessage } from "../generated/envoy/config/cluster/v3/cluster.ts";
import {
  Cluster_LbPolicy,
  Cluster_RingHashLbConfig_HashFunction,
} from "../generated/envoy/config/cluster/v3/cluster.ts";
import { LeastRequest } from "../generated/envoy/extensions/load_balancing_policies/least_request/v3/least_request.ts";
import { Maglev } from "../generated/envoy/extensions/load_balancing_policies/maglev/v3/maglev.ts";
import { Random } from "../generated/envoy/extensions/load_balancing_policies/random/v3/random.ts";
import { RingHash } from "../generated/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash.ts";
import { RoundRobin } from "../generated/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin.ts";
import { LEAST_REQUEST_CHOICES, MAGLEV_TABLE_SIZE, RING_SIZE_MAX, RING_SIZE_MIN } from "../defaults.ts";
import type { LbPolicy } from "../model/cluster.ts";
import type { SlowStartPolicy } from "../model/cluster-policy.ts";
import { violation, type Violation } from "../violation.ts";
import { decodeMessage, typeUrlOf, type Codec } from "./any.ts";
import { leastRequestRules, maglevRules, randomRules, ringHashRules, roundRobinRules } from "./cluster-rules.ts";
import { join, refuseUnsupported } from "./field-rules.ts";
import { readSlowStart, slowStartMessage } from "./slow-start-wire.ts";

/** How a cluster chooses among its endpoints: the two stand in one message. */
export interface Balancing {
  readonly lb: LbPolicy;
  readonly slowStart: SlowStartPolicy | undefined;
}

/**
 * `lb_policy` and its branch of `lb_config`: the older form, which every client still reads. Slow start has a place only
 * with round robin and least request. An Envoy takes least request for peak EWMA.
 */
export function lbPolicyFields(
  lb: LbPolicy,
  slowStart: SlowStartPolicy | undefined,
): Parameters<typeof ClusterMessage.fromPartial>[0] {
  const slowStartConfig = slowStart === undefined ? undefined : slowStartMessage(slowStart);
  switch (lb.kind) {
    case "round-robin":
      return {
        lbPolicy: Cluster_LbPolicy.ROUND_ROBIN,
        ...(slowStartConfig === undefined
          ? {}
          : { lbConfig: { $case: "roundRobinLbConfig", value: { slowStartConfig } } }),
      };
    case "random":
      return { lbPolicy: Cluster_LbPolicy.RANDOM };
    case "least-request":
    case "peak-ewma":
      return {
        lbPolicy: Cluster_LbPolicy.LEAST_REQUEST,
        lbConfig: {
          $case: "leastRequestLbConfig",
          value: { choiceCount: lb.kind === "least-request" ? lb.choices : LEAST_REQUEST_CHOICES, slowStartConfig },
        },
      };
    case "ring-hash": {
      const sizes = { minimumRingSize: BigInt(lb.ringSizeMin), maximumRingSize: BigInt(lb.ringSizeMax) };
      return {
        lbPolicy: Cluster_LbPolicy.RING_HASH,
        lbConfig: { $case: "ringHashLbConfig", value: sizes },
      };
    }
    case "maglev":
      return {
        lbPolicy: Cluster_LbPolicy.MAGLEV,
        lbConfig: { $case: "maglevLbConfig", value: { tableSize: BigInt(lb.tableSize) } },
      };
  }
}

/** The policy of a cluster, or undefined with the reason in `found`. */
export function readBalancing(message: ClusterMessage, found: Violation[]): Balancing | undefined {
  if (message.loadBalancingPolicy !== undefined) return readExtension(message, found);
  const config = message.lbConfig;
  switch (message.lbPolicy) {
    case Cluster_LbPolicy.ROUND_ROBIN:
      expectBranch(config, "roundRobinLbConfig", found);
      return readRoundRobin(config?.$case === "roundRobinLbConfig" ? config.value : {}, "round_robin_lb_config", found);
    case Cluster_LbPolicy.RANDOM:
      expectBranch(config, undefined, found);
      return { lb: { kind: "random" }, slowStart: undefined };
    case Cluster_LbPolicy.LEAST_REQUEST: {
      expectBranch(config, "leastRequestLbConfig", found);
      const options = config?.$case === "leastRequestLbConfig" ? config.value : {};
      return readLeastRequest(options, "least_request_lb_config", found);
    }
    case Cluster_LbPolicy.RING_HASH: {
      expectBranch(config, "ringHashLbConfig", found);
      const options = config?.$case === "ringHashLbConfig" ? config.value : {};
      if ("hashFunction" in options && options.hashFunction !== Cluster_RingHashLbConfig_HashFunction.XX_HASH) {
        found.push(violation("ring_hash_lb_config.hash_function", "only XX_HASH is supported by Heddle"));
      }
      return readRingHash(options, "ring_hash_lb_config", found);
    }
    case Cluster_LbPolicy.MAGLEV: {
      expectBranch(config, "maglevLbConfig", found);
      return readMaglev(config?.$case === "maglevLbConfig" ? config.value : {}, "maglev_lb_config", found);
    }
    default:
      found.push(violation("lb_policy", `${message.lbPolicy} is not supported by Heddle`));
      return undefined;
  }
}

/** Envoy, too, refuses a configuration for another policy than the chosen one. */
function expectBranch(config: ClusterMessage["lbConfig"], branch: string | undefined, found: Violation[]): void {
  if (config === undefined || config.$case === branch) return;
  found.push(violation("lb_config", `${config.$case} does not belong to the cluster's lb_policy`));
}

/** The first policy of the list that Heddle knows, as the field's documentation asks of every client. */
function readExtension(message: ClusterMessage, found: Violation[]): Balancing | undefined {
  const policies = message.loadBalancingPolicy?.policies ?? [];
  for (const [index, policy] of policies.entries()) {
    const any = policy.typedExtensionConfig?.typedConfig;
    const read = any === undefined ? undefined : extensions.get(any.typeUrl);
    if (any === undefined || read === undefined) continue;
    return read(any, `load_balancing_policy.policies[${index}].typed_extension_config.typed_config`, found);
  }
  const urls = policies.map((policy) => policy.typedExtensionConfig?.typedConfig?.typeUrl ?? "").join(", ");
  found.push(violation("load_balancing_policy", `none of its policies is supported by Heddle: ${urls}`));
  return undefined;
}

type ReadExtension = (any: Any, path: string, found: Violation[]) => Balancing | undefined;

const extensions: ReadonlyMap<string, ReadExtension> = new Map([
  extension(RoundRobin, readRoundRobin),
  extension(Random, (message, path, found) => {
    refuseUnsupported(message, randomRules, path, found);
    return { lb: { kind: "random" }, slowStart: undefined };
  }),
  extension(LeastRequest, readLeastRequest),
  extension(RingHash, (message, path, found) => {
    // 0 stands for the default, which is XX_HASH; 2 is MurmurHash.
    if (message.hashFunction > 1) {
      found.push(violation(join(path, "hash_function"), "only XX_HASH is supported by Heddle"));
    }
    return readRingHash(message, path, found);
  }),
  extension(Maglev, readMaglev),
]);

function extension<T extends object>(
  codec: Codec<T>,
  read: (message: T, path: string, found: Violation[]) => Balancing,
): [string, ReadExtension] {
  return [
    typeUrlOf(codec),
    (any, path, found) => {
      const decoded = decodeMessage(codec, any.value);
      if (decoded.ok) return read(decoded.value, path, found);
      found.push(violation(path, decoded.error));
      return undefined;
    },
  ];
}

// Ranges are judged where the policy is compiled, not here.

type SlowStartConfig = Parameters<typeof readSlowStart>[0];

function readRoundRobin(
  options: { readonly slowStartConfig?: SlowStartConfig },
  path: string,
  found: Violation[],
): Balancing {
  refuseUnsupported(options, roundRobinRules, path, found);
  const slowStart = readSlowStart(options.slowStartConfig, join(path, "slow_start_config"), found);
  return { lb: { kind: "round-robin" }, slowStart };
}

function readLeastRequest(
  options: { readonly choiceCount?: number | undefined; readonly slowStartConfig?: SlowStartConfig },
  path: string,
  found: Violation[],
): Balancing {
  refuseUnsupported(options, leastRequestRules, path, found);
  const slowStart = readSlowStart(options.slowStartConfig, join(path, "slow_start_config"), found);
  return { lb: { kind: "least-request", choices: options.choiceCount ?? LEAST_REQUEST_CHOICES }, slowStart };
}

function readRingHash(
  options: { readonly minimumRingSize?: bigint | undefined; readonly maximumRingSize?: bigint | undefined },
  path: string,
  found: Violation[],
): Balancing {
  refuseUnsupported(options, ringHashRules, path, found);
  const ringSizeMin = Number(options.minimumRingSize ?? RING_SIZE_MIN);
  const ringSizeMax = Number(options.maximumRingSize ?? Math.max(ringSizeMin, RING_SIZE_MAX));
  return { lb: { kind: "ring-hash", ringSizeMin, ringSizeMax }, slowStart: undefined };
}

function readMaglev(options: { readonly tableSize?: bigint | undefined }, path: string, found: Violation[]): Balancing {
  refuseUnsupported(options, maglevRules, path, found);
  const tableSize = Number(options.tableSize ?? MAGLEV_TABLE_SIZE);
  return { lb: { kind: "maglev", tableSize }, slowStart: undefined };
}
