/** Whether this device runs on its battery, where the browser tells. */

/** The part of the Battery Status API (W3C) that is used here; Chromium has it, on secure pages. */
interface Battery extends EventTarget {
  readonly charging: boolean;
}

interface BatteryNavigator {
  getBattery?: () => Promise<Battery>;
}

/** Whether `onBattery` will ever tell anything. */
export const batteryIsTold = (): boolean => (navigator as BatteryNavigator).getBattery !== undefined;

/** Calls `tell` now and at each change with whether the battery is being discharged. */
export function onBattery(tell: (discharging: boolean) => void): void {
  (navigator as BatteryNavigator)
    .getBattery?.()
    .then((battery) => {
      const look = () => tell(!battery.charging);
      battery.addEventListener('chargingchange', look);
      look();
    })
    .catch(() => undefined);
}
