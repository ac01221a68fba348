#!/bin/sh
# The twin of torwart.nft for machines with iptables. Run it as root, at every start; running it again changes nothing.
# ../firewall.md explains it. What it does not name is left alone.
set -eu

# The user the gateway runs as.
gateway_user=torwart
# Ports of model servers on this machine: Ollama, a second Ollama that pulls models, LocalAI.
model_ports=11434,11435,8081
# Ports that may be reached from outside: the gateway, and SSH, so that you do not lock yourself out.
public_ports=8080,22

# Empties a chain of ours, or makes it.
fresh() { "$1" -w -F "$2" 2>/dev/null || "$1" -w -N "$2"; }
# Makes a rule the first of its chain, unless it is there.
first() {
  tool=$1 chain=$2
  shift 2
  "$tool" -w -C "$chain" "$@" 2>/dev/null || "$tool" -w -I "$chain" 1 "$@"
}

for tool in iptables ip6tables; do
  fresh $tool TORWART-MODEL
  $tool -w -A TORWART-MODEL -m owner --uid-owner 0 -j ACCEPT
  $tool -w -A TORWART-MODEL -m owner --uid-owner "$gateway_user" -j ACCEPT
  $tool -w -A TORWART-MODEL -p tcp -j REJECT --reject-with tcp-reset
  first $tool OUTPUT -o lo -p tcp -m multiport --dports "$model_ports" -j TORWART-MODEL

  fresh $tool TORWART-INPUT
  $tool -w -A TORWART-INPUT -i lo -j RETURN
  $tool -w -A TORWART-INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
  $tool -w -A TORWART-INPUT -p tcp -m multiport --dports "$public_ports" -j RETURN
  # What IP itself needs: errors, path MTU, neighbours, router advertisements, and leases.
  if [ $tool = iptables ]; then
    for type in destination-unreachable time-exceeded parameter-problem echo-request; do
      $tool -w -A TORWART-INPUT -p icmp --icmp-type $type -j RETURN
    done
    $tool -w -A TORWART-INPUT -p udp --sport 67 --dport 68 -j RETURN
  else
    $tool -w -A TORWART-INPUT -p ipv6-icmp -j RETURN
    $tool -w -A TORWART-INPUT -s fe80::/10 -p udp --dport 546 -j RETURN
  fi
  $tool -w -A TORWART-INPUT -j DROP
  first $tool INPUT -j TORWART-INPUT
done
